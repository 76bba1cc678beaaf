import EventLoop
import Replication

/// `app-cp backup`: has replicas write a dump, and then raises and copies their beats, so that a replica that is ever given
/// that dump back alone is found out and rebuilt instead of voting with what it forgot (rule C8).
public final class GroupBackup {
    public struct Dump: Sendable, Equatable {
        public let replica: String
        /// Where it lies on that server; nil where the server does not tell.
        public let path: String?
        /// The beat that the others now expect of the replica at least.
        public let beat: UInt64
    }

    public enum Result: Sendable, Equatable {
        case written([Dump])
        /// Why not, in one sentence; what was written before stays.
        case refused(String)
    }

    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let groupName: Bytes
    private static let askNs = 1_000 * nsPerMs

    public init(group: any ReplicaGroup, scheduler: any Scheduler, groupName: String) {
        self.group = group
        self.scheduler = scheduler
        self.groupName = Bytes(groupName.utf8)
        group.identityCheck = MemberCommands.identityGuard
    }

    /// One replica after another, so that never more than one is busy with its dump.
    /// - Parameter only: the name of one replica; nil for all.
    public func run(only: String?, deadlineNs: UInt64) async -> Result {
        if let only, !group.replicaNames.contains(only) { return .refused("there is no replica '\(only)'") }
        while group.available != group.everyReplica {
            guard scheduler.nowNs < deadlineNs else {
                let missing = group.everyReplica.subtracting(group.available).map { group.replicaNames[$0] }
                return .refused(
                    "cannot reach \(missing.joined(separator: ", ")): all must be up to note the beats of the others")
            }
            await scheduler.sleep(forNs: 10 * nsPerMs)
        }
        var incarnations: [Bytes] = []
        let looks = await ask(MemberCommands.look(), group.everyReplica)
        for (replica, name) in group.replicaNames.enumerated() {
            let look = ReplicaObservation(looks.reply(from: replica), group: groupName, name: name)
            guard let identity = look?.identity, identity.state == .member else {
                return .refused("\(name) is no member of the group '\(String(decoding: groupName, as: UTF8.self))' now")
            }
            incarnations.append(identity.incarnation)
        }
        var dumps: [Dump] = []
        for (replica, name) in group.replicaNames.enumerated() where only == nil || only == name {
            if let reason = await save(replica, deadlineNs: deadlineNs) { return .refused("\(name): \(reason)") }
            guard let beat = await announce(replica, incarnations) else {
                return .refused("\(name): the dump is written, but its beat was not noted by all others; do it again")
            }
            dumps.append(Dump(replica: name, path: await path(replica), beat: beat))
        }
        return .written(dumps)
    }

    /// Nil where the dump is complete, else why not.
    private func save(_ replica: Int, deadlineNs: UInt64) async -> String? {
        var isStarted = false
        while scheduler.nowNs < deadlineNs {
            if !isStarted {
                switch await ask(.plain("BGSAVE"), [replica]).reply(from: replica) {
                case .status?: isStarted = true
                case .error(let text)? where !text.contains("in progress") && !text.contains("child"): return text
                case nil: return "no answer"
                default: break
                }
            }
            await scheduler.sleep(forNs: 100 * nsPerMs)
            guard isStarted else { continue }
            let lines = await ask(.plain("INFO", "persistence"), [replica]).reply(from: replica)?.text ?? ""
            if lines.contains("rdb_bgsave_in_progress:0") {
                return lines.contains("rdb_last_bgsave_status:ok") ? nil : "the dump failed; its log says why"
            }
        }
        return "the dump did not end in time"
    }

    /// The new beat; nil unless every other replica has noted it.
    private func announce(_ replica: Int, _ incarnations: [Bytes]) async -> UInt64? {
        let raise = MemberCommands.beat(group: groupName, incarnations: incarnations)
        guard let raised = await ask(raise, [replica]).reply(from: replica)?.int64, raised > 0 else { return nil }
        let beat = UInt64(raised)
        for other in group.everyReplica where other != replica {
            let command = MemberCommands.copy(
                group: groupName, to: incarnations[other], beats: [(incarnations[replica], beat)])
            guard await ask(command, [other]).reply(from: other) == .integer(1) else { return nil }
        }
        return beat
    }

    private func path(_ replica: Int) async -> String? {
        let directory = await ask(.plain("CONFIG", "GET", "dir"), [replica]).reply(from: replica)?[1]?.text
        let file = await ask(.plain("CONFIG", "GET", "dbfilename"), [replica]).reply(from: replica)?[1]?.text
        guard let directory, let file else { return nil }
        return "\(directory)/\(file)"
    }

    private func ask(_ command: Command, _ replicas: ReplicaSet) async -> QuorumCall {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + Self.askNs)
        call.send(command, to: replicas)
        await call.waitForAll()
        return call
    }
}
