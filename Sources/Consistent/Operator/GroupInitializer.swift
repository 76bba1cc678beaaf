import EventLoop
import Replication

/// `app-cp init`: makes a group of blank replicas, once, by the operator's word (rule C8). Services never do it.
public struct GroupInitializer {
    public enum Result: Sendable, Equatable {
        case initialized
        /// All replicas are members of one group already, and of the same; nothing was changed.
        case alreadyInitialized(epoch: UInt64)
        /// Nothing can be done; why, in one sentence.
        case refused(String)
    }

    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let groupName: Bytes

    public init(group: any ReplicaGroup, scheduler: any Scheduler, groupName: String) {
        self.group = group
        self.scheduler = scheduler
        self.groupName = Bytes(groupName.utf8)
        group.identityCheck = MemberCommands.identityGuard
    }

    /// Looks at all replicas first and touches none unless all are blank. Then adopts them, agrees on the first
    /// configuration with all of them in epoch 0, and promotes each to epoch 1. Safe to repeat: where it was cut short, a
    /// second run goes on from there.
    public func run(deadlineNs: UInt64) async -> Result {
        guard await isEveryoneConnected(deadlineNs: deadlineNs) else {
            return .refused("cannot reach \(missingNames()): all replicas must be up")
        }
        let looks = await ask(MemberCommands.look(), deadlineNs)
        var found: [ReplicaIdentity?] = []
        for (replica, name) in group.replicaNames.enumerated() {
            let reply = looks.reply(from: replica)
            guard let look = ReplicaObservation(reply, group: groupName, name: name) else {
                return .refused("\(name) did not answer")
            }
            switch look.says {
            case .unclear(let text): return .refused("\(name) answered '\(text)'")
            case .foreign(let what): return .refused("\(name) \(what)")
            case .blank where look.keyCount > 0:
                return .refused("\(name) holds \(look.keyCount) keys that are not of this program")
            case .blank: found.append(nil)
            case .own(let identity): found.append(identity)
            }
        }
        let known = found.compactMap { $0 }
        if known.count == found.count, known.allSatisfy({ $0.state == .member }) {
            return await compare(known, deadlineNs: deadlineNs)
        }
        // All blank, or what an earlier run left: some adopted, none promoted; or all adopted, some promoted to epoch 1.
        let isFresh = known.allSatisfy { $0.state == .rebuilding && $0.epoch == 0 }
        let isPromoting = known.count == found.count && known.allSatisfy { $0.epoch <= 1 }
        guard isFresh || isPromoting else {
            let blank = zip(group.replicaNames, found).filter { $1?.state != .member }.map(\.0)
            return .refused(
                "the group is in use: \(blank.joined(separator: ", ")) is rebuilt by the services, not by init")
        }
        return await adopt(deadlineNs: deadlineNs)
    }

    /// All replicas are members, by their own words: of one group only where the latest configuration that any of them
    /// holds names them all. Two groups may have one name, the default.
    private func compare(_ identities: [ReplicaIdentity], deadlineNs: UInt64) async -> Result {
        let call = await ask(AcceptorCommands.read(.configuration), deadlineNs)
        var latest: GroupConfiguration?
        for (replica, name) in group.replicaNames.enumerated() {
            guard let value = call.reply(from: replica)?[0]?[2] else { return .refused("\(name) did not answer") }
            // One that was rebuilt may not have it yet.
            guard let text = value.bytes else { continue }
            guard let found = GroupConfiguration(text: text, names: group.replicaNames) else {
                return .refused(
                    "\(name) belongs to a group of other replicas (\(String(decoding: text, as: UTF8.self))): "
                        + "REPLICAS must name just those")
            }
            if found.epoch > latest?.epoch ?? 0 { latest = found }
        }
        guard let latest else { return .refused("the replicas are members, and none of them knows of which group") }
        let strangers = group.everyReplica.filter { latest.members[$0].incarnation != identities[$0].incarnation }
        guard strangers.isEmpty else {
            let others = group.everyReplica.filter { !strangers.contains($0) }
            return .refused(
                "\(names(strangers)) and \(names(others)) are of different groups, which are both called "
                    + "'\(String(decoding: groupName, as: UTF8.self))': look at REPLICAS")
        }
        return .alreadyInitialized(epoch: identities.map(\.epoch).max() ?? 1)
    }

    private func adopt(deadlineNs: UInt64) async -> Result {
        let drawn = group.replicaNames.map { _ in
            var text = Bytes()
            text.append(hexadecimal: scheduler.randomBits())
            return text
        }
        let adoption = await ask(
            MemberCommands.adopt(group: groupName, names: group.replicaNames, incarnations: drawn), deadlineNs)
        var identities: [ReplicaIdentity] = []
        for (replica, name) in group.replicaNames.enumerated() {
            guard
                case .own(let identity) = ReplicaSelf(
                    fields: adoption.reply(from: replica), group: groupName, name: name)
            else { return .refused("\(name) could not be adopted; look at it and run init again") }
            identities.append(identity)
        }
        return await agree(on: identities, deadlineNs: deadlineNs)
    }

    private func agree(on identities: [ReplicaIdentity], deadlineNs: UInt64) async -> Result {
        let members = zip(group.replicaNames, identities).map {
            GroupConfiguration.Member(name: $0, incarnation: $1.incarnation, isCounted: true)
        }
        let first = GroupConfiguration(epoch: 1, members: members)
        if identities.allSatisfy({ $0.state == .rebuilding }) {
            if let reason = await accept(first, deadlineNs: deadlineNs) { return .refused(reason) }
        } else {
            // Cut short between two promotions. Only where all replicas hold this very configuration may it go on.
            let call = await ask(AcceptorCommands.read(.configuration), deadlineNs)
            let ballots = Set(call.replies.map { $0?[0]?[0]?.bytes })
            let values = Set(call.replies.map { $0?[0]?[2]?.bytes })
            guard ballots.count == 1, values == [first.text] else {
                return .refused("a replica of a group in use is blank: the services rebuild it, not init")
            }
        }
        let promotion = await ask(MemberCommands.promote(first), deadlineNs)
        for replica in group.everyReplica where promotion.reply(from: replica) != .integer(1) {
            return .refused("\(group.replicaNames[replica]) was not promoted; run init again")
        }
        return .initialized
    }

    /// One full round in epoch 0 that all replicas accept. Nil where it worked, else why not.
    private func accept(_ configuration: GroupConfiguration, deadlineNs: UInt64) async -> String? {
        let zero = GroupConfiguration(epoch: 0, members: configuration.members)
        let context = RoundContext(
            group: group, scheduler: scheduler, commands: AcceptorCommands(group: groupName, configuration: zero),
            quorum: group.replicaCount)
        // Above whatever an earlier run, cut short, may have used.
        var ballot = Ballot(counter: 1, proposer: scheduler.randomBits())
        for _ in 0..<5 {
            switch await Round.prepare(.configuration, ballot, in: context, deadlineNs: deadlineNs) {
            case .failure(.outbid(let higher)): ballot = Ballot(counter: higher.counter + 1, proposer: ballot.proposer)
            case .failure(let refusal): return "the replicas did not agree (\(refusal)); run init again"
            case .success((_, var state)):
                if state.isDeleted {
                    state.value = configuration.text
                    state.isDeleted = false
                    state.version += 1
                }
                // An earlier run's configuration names the same incarnations, for a replica draws its own only once.
                guard state.value == configuration.text else {
                    return "a replica was wiped since an earlier init agreed on it: wipe all of them and run init again"
                }
                let round = Round.accept(.configuration, ballot, state, in: context, deadlineNs: deadlineNs)
                switch await round.accepted() {
                case .success: return nil
                case .failure(.outbid(let higher)):
                    ballot = Ballot(counter: higher.counter + 1, proposer: ballot.proposer)
                case .failure(let refusal): return "the replicas did not agree (\(refusal)); run init again"
                }
            }
        }
        return "another initialisation is under way; run init again"
    }

    private func ask(_ command: Command, _ deadlineNs: UInt64) async -> QuorumCall {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        call.send(command, to: group.everyReplica)
        await call.waitForAll()
        return call
    }

    private func isEveryoneConnected(deadlineNs: UInt64) async -> Bool {
        while scheduler.nowNs < deadlineNs {
            if group.available == group.everyReplica { return true }
            await scheduler.sleep(forNs: 10 * nsPerMs)
        }
        return false
    }

    private func missingNames() -> String { names(group.everyReplica.subtracting(group.available)) }

    private func names(_ replicas: some Sequence<Int>) -> String {
        replicas.map { group.replicaNames[$0] }.joined(separator: ", ")
    }
}
