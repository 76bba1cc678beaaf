/// Hand-written schedules that random faults produce only once in tens of thousands of seeds. Each schedule would fail
/// without a certain rule of the design, and passes with it.
public enum CPScenario: String, CaseIterable, Sendable {
    case promiseByCatchUp = "promise-by-catch-up"
    case promiseOfAnOldIncarnation = "promise-of-an-old-incarnation"
    case writeAcrossAWipe = "write-across-a-wipe"
    case everyReplicaReplaced = "every-replica-replaced"
    case promiseBeforeCollection = "promise-before-collection"
    case retryAfterDelete = "retry-after-delete"
    case retryAfterCollection = "retry-after-collection"
    case retryAfterManyWriters = "retry-after-many-writers"
    case retryOnAnotherBranch = "retry-on-another-branch"
    case retryFromADeadBranch = "retry-from-a-dead-branch"
    case rejectedTooEarly = "rejected-too-early"
    case unknownAtOneReplica = "unknown-at-one-replica"
    case lateCollection = "late-collection"
    case voteOfANewIncarnation = "vote-of-a-new-incarnation"
    case restartDuringAScan = "restart-during-a-scan"
    case rebuildUnderLoad = "rebuild-under-load"
    case latePromotion = "late-promotion"
    case initOfALostGroup = "init-of-a-lost-group"
    case oldDump = "old-dump"
    case oldDumpBesideANewMember = "old-dump-beside-a-new-member"
    case oldDumpAtAStart = "old-dump-at-a-start"
    case rolledBackInPlace = "rolled-back-in-place"
    case twoOldDumps = "two-old-dumps"
    case twoRolledBackInPlace = "two-rolled-back-in-place"
    case distantWitnesses = "distant-witnesses"
    case distantRivals = "distant-rivals"
    case newGroup = "new-group"
    case earlierGroup = "earlier-group"
    case catchUpAfterRejectedWrites = "catch-up-after-rejected-writes"
    case catchUpOfANewMember = "catch-up-of-a-new-member"
    case rejectedWrites = "rejected-writes"

    func play(in run: CPScenarioRun) async throws(CPScenarioRun.NotReached) {
        switch self {
        case .promiseByCatchUp: try await run.promiseByCatchUp()
        case .promiseOfAnOldIncarnation: try await run.promiseOfAnOldIncarnation()
        case .writeAcrossAWipe: try await run.writeAcrossAWipe()
        case .everyReplicaReplaced: try await run.everyReplicaReplaced()
        case .promiseBeforeCollection: try await run.promiseBeforeCollection()
        case .retryAfterDelete: try await run.retryAfterDelete()
        case .retryAfterCollection: try await run.retryAfterCollection()
        case .retryAfterManyWriters: try await run.retryAfterManyWriters()
        case .retryOnAnotherBranch: try await run.retryOnAnotherBranch()
        case .retryFromADeadBranch: try await run.retryFromADeadBranch()
        case .rejectedTooEarly: try await run.rejectedTooEarly()
        case .unknownAtOneReplica: try await run.unknownAtOneReplica()
        case .lateCollection: try await run.lateCollection()
        case .voteOfANewIncarnation: try await run.voteOfANewIncarnation()
        case .restartDuringAScan: try await run.restartDuringAScan()
        case .rebuildUnderLoad: try await run.rebuildUnderLoad()
        case .latePromotion: try await run.latePromotion()
        case .initOfALostGroup: try await run.initOfALostGroup()
        case .oldDump: try await run.oldDump()
        case .oldDumpBesideANewMember: try await run.oldDumpBesideANewMember()
        case .oldDumpAtAStart: try await run.oldDumpAtAStart()
        case .rolledBackInPlace: try await run.rolledBackInPlace()
        case .twoOldDumps: try await run.twoOldDumps()
        case .twoRolledBackInPlace: try await run.twoRolledBackInPlace()
        case .distantWitnesses: try await run.distantWitnesses()
        case .distantRivals: try await run.distantRivals()
        case .newGroup: try await run.newGroup()
        case .earlierGroup: try await run.earlierGroup()
        case .catchUpAfterRejectedWrites: try await run.catchUpAfterRejectedWrites()
        case .catchUpOfANewMember: try await run.catchUpOfANewMember()
        case .rejectedWrites: try await run.rejectedWrites()
        }
    }
}
