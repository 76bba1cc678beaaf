import EventLoop
import Replication

/// `app-cp backup`: makes replicas write dumps, raises their rollback counters, and copies the counters to the
/// witnesses. If only one replica is later restored from its dump, its low counter shows the rollback. The replica is
/// then rebuilt, instead of voting without the promises that it has forgotten (rule C8).
public final class GroupBackup {
    public struct Dump: Sendable, Equatable {
        public let replica: String
        /// Path of the dump on that server; nil if the server does not report it.
        public let path: String?
        /// The counter after the dump, which the witnesses now store. The dump holds a lower one, so a restore is
        /// detected.
        public let rollbackCounter: UInt64
    }

    public enum Result: Sendable, Equatable {
        case written([Dump])
        /// The reason, in one sentence. Dumps that were already written remain.
        case refused(String)
    }

    private let acceptors: AcceptorGroup
    private static let pollNs = 100 * nsPerMs

    public init(group: any ReplicaGroup, scheduler: any Scheduler, groupName: String) {
        acceptors = AcceptorGroup(group, scheduler: scheduler, name: groupName)
    }

    /// Dumps one replica after another, so that at most one of them is busy with a dump.
    /// - Parameters:
    ///   - only: the name of one replica; nil for all.
    ///   - deadlineNs: when the last dump must be complete, on the scheduler's clock.
    public func run(only: String?, deadlineNs: UInt64) async -> Result {
        let group = acceptors.replicas
        if let only, !group.replicaNames.contains(only) { return .refused("there is no replica '\(only)'") }
        if let missing = await acceptors.waitForAll(deadlineNs: deadlineNs) {
            return .refused("cannot reach \(missing): all replicas must record the rollback counters of the others")
        }
        let incarnations: [Bytes]
        switch await members() {
        case .success(let found): incarnations = found
        case .failure(let refusal): return .refused(refusal.reason)
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

    private struct Refusal: Error {
        let reason: String
    }

    /// The incarnations of all replicas, if each is a member and none was rolled back.
    private func members() async -> Swift.Result<[Bytes], Refusal> {
        let first = await probe()
        let behind = first.indices.filter { RollbackDetector.isBehind($0, first) }
        guard !behind.isEmpty else { return incarnations(in: first) }
        // The probes of several replicas are not simultaneous. If a counter is raised and copied between two of them,
        // its replica looks rolled back, but a second probe shows that its counter has changed.
        let second = await probe()
        for replica in behind
        where RollbackDetector.isBehind(replica, second)
            && second[replica]?.rollbackCounter == first[replica]?.rollbackCounter
        {
            // Do not raise the counter of a rolled-back replica: a raise could hide the rollback from its witnesses.
            let name = acceptors.replicas.replicaNames[replica]
            return .failure(Refusal(reason: "\(name) was rolled back; start app-cp, which rebuilds it"))
        }
        return incarnations(in: second)
    }

    private func probe() async -> [ReplicaObservation?] {
        let replies = await acceptors.client().ask(MembershipCommands.probe(), of: acceptors.replicas.everyReplica)
        return acceptors.observations { replies[$0] }
    }

    private func incarnations(in observations: [ReplicaObservation?]) -> Swift.Result<[Bytes], Refusal> {
        var incarnations: [Bytes] = []
        for (observation, replica) in zip(observations, acceptors.replicas.replicaNames) {
            guard let identity = observation?.member else {
                let group = String(decoding: acceptors.name, as: UTF8.self)
                return .failure(Refusal(reason: "\(replica) is not a member of the group '\(group)' now"))
            }
            incarnations.append(identity.incarnation)
        }
        return .success(incarnations)
    }

    /// Makes one replica write its dump. Returns nil if the dump is complete, otherwise the reason why not.
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
                return info.contains("rdb_last_bgsave_status:ok") ? nil : "the dump failed; see the log of its server"
            }
        }
        return "the dump did not end in time"
    }

    /// Raises the rollback counter of a replica. Returns the new counter; nil unless every other replica has recorded
    /// it.
    private func raiseCounter(of replica: Int, _ incarnations: [Bytes]) async -> UInt64? {
        let raise = MembershipCommands.raiseRollbackCounter(
            group: acceptors.name, incarnations: incarnations, of: [replica])
        guard let raised = await acceptors.client().ask(raise, of: replica)?.int64, raised > 0 else { return nil }
        let counter = UInt64(raised)
        let others = acceptors.replicas.everyReplica.subtracting([replica])
        let missing = await acceptors.record(counter: counter, of: incarnations[replica], at: others, incarnations)
        return missing == nil ? counter : nil
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
