import EventLoop
import Replication

/// The one-round-trip read (rule C3): as soon as a majority of counted members shows one and the same accepted ballot, or
/// none at all, that state is chosen, and nothing needs to be written.
final class FastRead {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let configuration: GroupConfiguration
    private let quorum: Int
    /// What each replica's guard must say, word for word: who it is, that it votes, and in which epoch.
    private var expectedGuards: [Reply]

    init(
        group: any ReplicaGroup, scheduler: any Scheduler, configuration: GroupConfiguration, groupName: String,
        quorum: Int
    ) {
        self.group = group
        self.scheduler = scheduler
        self.configuration = configuration
        self.quorum = quorum
        expectedGuards = configuration.members.map { member in
            .array([
                .bulk(Bytes(groupName.utf8)), .bulk(Bytes(member.name.utf8)), .bulk(member.incarnation),
                .bulk(Bytes(ReplicaIdentity.State.member.rawValue.utf8)),
                .bulk(Bytes(String(configuration.epoch).utf8)),
            ])
        }
    }

    /// The chosen state; nil where a full round is needed to find out.
    ///
    /// - Throws: `overloaded` where too many long values are being read: a full round would read it once more.
    func run(
        _ register: Register, hedgeNs: UInt64, deadlineNs: UInt64
    ) async throws(StoreFailure) -> RegisterState? {
        let usable = group.available.intersection(configuration.counted)
        var first: ReplicaSet = []
        for replica in group.nearestFirst where usable.contains(replica) && first.count < quorum {
            first.insert(replica)
        }
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        defer { call.close() }
        let command = AcceptorCommands.read(register)
        call.send(command, to: first)
        await call.wait(limitNs: hedgeEndNs(for: first, atLeastNs: hedgeNs)) { [quorum] in $0.answered.count >= quorum }
        if let agreed = agreed(in: call) { return agreed.state }
        let rest = usable.subtracting(first)
        if !rest.isEmpty {
            call.send(command, to: rest)
            // No longer than that again: where those that answer disagree, a full round settles it without the slow one.
            await call.wait(limitNs: hedgeEndNs(for: usable, atLeastNs: hedgeNs)) { self.agreed(in: $0) != nil }
        }
        if let agreed = agreed(in: call) { return agreed.state }
        guard call.refused.isEmpty else {
            throw StoreFailure(.overloaded, "too many long values are being read")
        }
        return nil
    }

    /// Three times what the slowest of them usually takes, between the setting and a tenth of a second (Dean and Barroso,
    /// *The Tail at Scale*, 2013).
    private func hedgeEndNs(for replicas: ReplicaSet, atLeastNs: UInt64) -> UInt64 {
        var usualNs: UInt64 = 0
        for replica in replicas { usualNs = max(usualNs, min(group.latencyNs(replica), Self.maxHedgeNs)) }
        return scheduler.nowNs + min(max(usualNs * 3, atLeastNs), Self.maxHedgeNs)
    }

    private static let maxHedgeNs = 100 * nsPerMs

    private struct Agreed {
        /// Nil where a record is not of the form that this program writes; a full round will say so.
        let state: RegisterState?
    }

    private func agreed(in call: QuorumCall) -> Agreed? {
        guard call.answered.count >= quorum else { return nil }
        for replica in call.answered {
            guard let fields = countedFields(of: replica, in: call) else { continue }
            var alike = 0
            for other in call.answered {
                if other == replica || countedFields(of: other, in: call)?[0] == fields[0] { alike += 1 }
            }
            guard alike >= quorum else { continue }
            // Without a record there is no version to tell: the floors that other keys left behind (rule C10) differ from
            // replica to replica, and the next change may get a lower version than one of them. 0 is nobody's version.
            if fields[0].isNull { return Agreed(state: .absent(floor: 0)) }
            return Agreed(state: RegisterState(fields: fields[1...]))
        }
        return nil
    }

    private func countedFields(of replica: Int, in call: QuorumCall) -> [Reply]? {
        guard case .array(let fields)? = counted(replica, in: call), !fields.isEmpty else { return nil }
        return fields
    }

    /// A reply that counts: its guard says what it must.
    private func counted(_ replica: Int, in call: QuorumCall) -> Reply? {
        guard case .array(let parts)? = call.reply(from: replica), parts.count == 2, parts[1] == expectedGuards[replica]
        else { return nil }
        // All reads of one turn share one guard: comparing with the very same array is one comparison of addresses.
        expectedGuards[replica] = parts[1]
        return parts[0]
    }
}
