import EventLoop
import Replication

/// The one-round-trip read (rule C3): as soon as a majority of counted members shows one and the same accepted ballot, or
/// none at all, that state is chosen, and nothing needs to be written.
struct FastRead {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let configuration: GroupConfiguration
    private let quorum: Int
    /// What each replica's guard must say, word for word: who it is, that it votes, and in which epoch.
    private let expectedGuards: [Reply]

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
    func run(_ register: Register, hedgeNs: UInt64, deadlineNs: UInt64) async -> RegisterState? {
        let usable = group.available.intersection(configuration.counted)
        var first: ReplicaSet = []
        for replica in group.availableNearestFirst() where usable.contains(replica) && first.count < quorum {
            first.insert(replica)
        }
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        let command = AcceptorCommands.read(register)
        call.send(command, to: first)
        await call.wait(limitNs: scheduler.nowNs + hedgeNs) { agreed(in: $0) != nil }
        if let state = agreed(in: call) { return state.value }
        let rest = usable.subtracting(first)
        guard !rest.isEmpty else { return nil }
        call.send(command, to: rest)
        await call.wait { agreed(in: $0) != nil }
        return agreed(in: call)?.value
    }

    private struct Agreed {
        /// Nil where a record is not of the form that this program writes; a full round will say so.
        let value: RegisterState?
    }

    private func agreed(in call: QuorumCall) -> Agreed? {
        var counted: [(ballot: Reply, fields: [Reply])] = []
        for replica in call.answered {
            guard case .array(let parts)? = call.replies[replica], parts.count == 2,
                parts[1] == expectedGuards[replica], case .array(let fields) = parts[0], let ballot = fields.first
            else { continue }
            counted.append((ballot, fields))
        }
        guard counted.count >= quorum else { return nil }
        for (ballot, fields) in counted where counted.count(where: { $0.ballot == ballot }) >= quorum {
            if ballot.isNull { return Agreed(value: .absent(floor: 0)) }
            return Agreed(value: RegisterState(fields: fields[1...]))
        }
        return nil
    }
}
