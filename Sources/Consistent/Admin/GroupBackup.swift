import EventLoop
import Replication

/// `app-cp backup`: has replicas write a dump, then raises their rollback counters and copies them to the witnesses. A
/// replica that is later given that dump alone is found out and rebuilt, instead of voting with what it forgot (rule
/// C8).
public final class GroupBackup {
    public struct Dump: Sendable, Equatable {
        public let replica: String
        /// Path of the dump on that server; nil if the server does not tell.
        public let path: String?
        /// The lowest counter that the witnesses accept of the replica from now on.
        public let rollbackCounter: UInt64
    }

    public enum Result: Sendable, Equatable {
        case written([Dump])
        /// Why not, in one sentence; dumps written before stay.
        case refused(String)
    }

    private let acceptors: AcceptorGroup
    private static let pollNs = 100 * nsPerMs

    public init(group: any ReplicaGroup, scheduler: any Scheduler, groupName: String) {
        acceptors = AcceptorGroup(group, scheduler: scheduler, name: groupName)
    }

    /// Dumps one replica after another, so that never more than one is busy with its dump.
    /// - Parameters:
    ///   - only: the name of one replica; nil for all.
    ///   - deadlineNs: on the scheduler's clock.
    public func run(only: String?, deadlineNs: UInt64) async -> Result {
        let group = acceptors.replicas
        if let only, !group.replicaNames.contains(only) { return .refused("there is no replica '\(only)'") }
        if let missing = await acceptors.waitForAll(deadlineNs: deadlineNs) {
            return .refused("cannot reach \(missing): all replicas must record the rollback counters of the others")
        }
        var incarnations: [Bytes] = []
        let replies = await acceptors.client().ask(MembershipCommands.probe(), of: group.everyReplica)
        let observations = acceptors.observations { replies[$0] }
        for (replica, observation) in observations.enumerated() {
            guard let identity = observation?.member else {
                let name = String(decoding: acceptors.name, as: UTF8.self)
                return .refused("\(group.replicaNames[replica]) is no member of the group '\(name)' now")
            }
            // Its counter must not be raised past what its witnesses know.
            guard !RollbackDetector.isBehind(replica, observations) else {
                let name = group.replicaNames[replica]
                return .refused("\(name) was set back to an old state; start app-cp, which rebuilds it")
            }
            incarnations.append(identity.incarnation)
        }
        var dumps: [Dump] = []
        for (replica, name) in group.replicaNames.enumerated() where only == nil || only == name {
            if let reason = await save(replica, deadlineNs: deadlineNs) { return .refused("\(name): \(reason)") }
            guard let counter = await raiseCounter(of: replica, incarnations) else {
                return .refused(
                    "\(name): the dump is written, but not all replicas recorded its rollback counter; run it again")
            }
            dumps.append(Dump(replica: name, path: await path(replica), rollbackCounter: counter))
        }
        return .written(dumps)
    }

    /// Nil if the dump is complete, else why not.
    private func save(_ replica: Int, deadlineNs: UInt64) async -> String? {
        let scheduler = acceptors.scheduler
        var isStarted = false
        while scheduler.nowNs < deadlineNs {
            if !isStarted {
                switch await ask("BGSAVE", of: replica) {
                case .status?: isStarted = true
                case .error(let text)? where !text.contains("in progress") && !text.contains("child"): return text
                case nil: return "no answer"
                default: break
                }
            }
            await scheduler.sleep(forNs: Self.pollNs)
            guard isStarted else { continue }
            let info = await ask("INFO", "persistence", of: replica)?.text ?? ""
            if info.contains("rdb_bgsave_in_progress:0") {
                return info.contains("rdb_last_bgsave_status:ok") ? nil : "the dump failed; its log says why"
            }
        }
        return "the dump did not end in time"
    }

    /// The new counter; nil unless every other replica has recorded it.
    private func raiseCounter(of replica: Int, _ incarnations: [Bytes]) async -> UInt64? {
        let client = acceptors.client()
        let raise = MembershipCommands.raiseRollbackCounter(
            group: acceptors.name, incarnations: incarnations, of: [replica])
        guard let raised = await client.ask(raise, of: replica)?.int64, raised > 0 else { return nil }
        let counter = UInt64(raised)
        for other in acceptors.replicas.everyReplica where other != replica {
            let command = MembershipCommands.recordWitnessed(
                [(incarnations[replica], counter)], group: acceptors.name, incarnation: incarnations[other])
            guard await client.ask(command, of: other) == .integer(1) else { return nil }
        }
        return counter
    }

    private func path(_ replica: Int) async -> String? {
        guard let directory = await ask("CONFIG", "GET", "dir", of: replica)?[1]?.text,
            let file = await ask("CONFIG", "GET", "dbfilename", of: replica)?[1]?.text
        else { return nil }
        return "\(directory)/\(file)"
    }

    private func ask(_ arguments: String..., of replica: Int) async -> Reply? {
        await acceptors.client().ask(Command(.plain(arguments.map { Bytes($0.utf8) })), of: replica)
    }
}
