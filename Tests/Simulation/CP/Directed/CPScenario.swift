/// Runs that chance finds once in tens of thousands of seeds, written by hand: each is the failing run that a rule of the
/// design names, and passes because the rule is kept.
public enum CPScenario: String, CaseIterable, Sendable {
    case promiseByCatchUp = "promise-by-catch-up"
    case promiseOfAnOldLife = "promise-of-an-old-life"
    case writeAcrossAWipe = "write-across-a-wipe"
    case everyReplicaReplaced = "every-replica-replaced"
    case promiseBeforeCollection = "promise-before-collection"
    case retryAfterDelete = "retry-after-delete"
    case retryAfterCollection = "retry-after-collection"
    case retryAfterManyWriters = "retry-after-many-writers"
    case retryOnAnotherBranch = "retry-on-another-branch"
    case retryFromADeadBranch = "retry-from-a-dead-branch"
    case refusedTooEarly = "refused-too-early"
    case restartWithinAScan = "restart-within-a-scan"
    case rebuildUnderLoad = "rebuild-under-load"
    case latePromotion = "late-promotion"
    case initOfALostGroup = "init-of-a-lost-group"
    case oldDump = "old-dump"
    case oldDumpBesideANewMember = "old-dump-beside-a-new-member"
    case oldDumpAtAStart = "old-dump-at-a-start"
    case setBackInPlace = "set-back-in-place"
    case farVouchers = "far-vouchers"
    case farRivals = "far-rivals"
    case newGroup = "new-group"
    case olderLife = "older-life"

    func play(on stage: Stage) async throws(Stage.Missed) {
        switch self {
        case .promiseByCatchUp: try await stage.promiseByCatchUp()
        case .promiseOfAnOldLife: try await stage.promiseOfAnOldLife()
        case .writeAcrossAWipe: try await stage.writeAcrossAWipe()
        case .everyReplicaReplaced: try await stage.everyReplicaReplaced()
        case .promiseBeforeCollection: try await stage.promiseBeforeCollection()
        case .retryAfterDelete: try await stage.retryAfterDelete()
        case .retryAfterCollection: try await stage.retryAfterCollection()
        case .retryAfterManyWriters: try await stage.retryAfterManyWriters()
        case .retryOnAnotherBranch: try await stage.retryOnAnotherBranch()
        case .retryFromADeadBranch: try await stage.retryFromADeadBranch()
        case .refusedTooEarly: try await stage.refusedTooEarly()
        case .restartWithinAScan: try await stage.restartWithinAScan()
        case .rebuildUnderLoad: try await stage.rebuildUnderLoad()
        case .latePromotion: try await stage.latePromotion()
        case .initOfALostGroup: try await stage.initOfALostGroup()
        case .oldDump: try await stage.oldDump()
        case .oldDumpBesideANewMember: try await stage.oldDumpBesideANewMember()
        case .oldDumpAtAStart: try await stage.oldDumpAtAStart()
        case .setBackInPlace: try await stage.setBackInPlace()
        case .farVouchers: try await stage.farVouchers()
        case .farRivals: try await stage.farRivals()
        case .newGroup: try await stage.newGroup()
        case .olderLife: try await stage.olderLife()
        }
    }
}
