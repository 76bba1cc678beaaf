import EventLoop
import Replication

/// `app-cp init`: turns blank replicas into a group, once, on the operator's command (rule C8). Services never do this.
public struct GroupInitializer {
    public enum Result: Sendable, Equatable {
        case initialized
        /// All replicas are already members of the same group. Nothing was changed.
        case alreadyInitialized(epoch: UInt64)
        /// The reason why the group was not initialised, in one sentence.
        case refused(String)
    }

    private let acceptors: AcceptorGroup
    private static let maxRounds = 5

    public init(group: any ReplicaGroup, scheduler: any Scheduler, groupName: String) {
        acceptors = AcceptorGroup(group, scheduler: scheduler, name: groupName)
    }

    private var group: any ReplicaGroup { acceptors.replicas }

    /// Probes all replicas first. Changes none of them, unless each is blank or was left half-initialised by an
    /// interrupted init. Then:
    ///
    /// 1. gives each replica an identity (adopts it),
    /// 2. gets the first configuration accepted by all replicas in epoch 0,
    /// 3. promotes each replica to a member of epoch 1.
    ///
    /// Safe to repeat: if a run was interrupted, the next run continues it.
    public func run(deadlineNs: UInt64) async -> Result {
        if let missing = await acceptors.waitForAll(deadlineNs: deadlineNs) {
            return .refused("cannot reach \(missing): all replicas must be up")
        }
        let replies = await ask(MembershipCommands.probe(), deadlineNs)
        let observations = acceptors.observations { replies[$0] }
        var found: [ReplicaIdentity?] = []
        for (observation, name) in zip(observations, group.replicaNames) {
            guard let observation else { return .refused("\(name) did not answer") }
            switch observation.reported {
            case .unclear(let error): return .refused("\(name) answered '\(error.text)'")
            case .foreign(let what): return .refused("\(name) \(what)")
            case .blank where observation.keyCount > 0:
                return .refused("\(name) holds \(observation.keyCount) keys that are not of this program")
            case .blank: found.append(nil)
            case .own(let identity): found.append(identity)
            }
        }
        let known = found.compactMap { $0 }
        if known.count == found.count, known.allSatisfy({ $0.state == .member }) {
            return await compare(known, deadlineNs: deadlineNs)
        }
        // Continue only if the group may be new. Fresh: each replica is blank, or an earlier run adopted it and did not
        // promote it. Promoting: an earlier run may have adopted all replicas and promoted some to epoch 1; `agree`
        // checks this.
        let isFresh = known.allSatisfy { $0.state == .rebuilding && $0.epoch == 0 }
        let isPromoting = known.count == found.count && known.allSatisfy { $0.epoch <= 1 }
        guard isFresh || isPromoting else {
            let blank = group.everyReplica.filter { found[$0]?.state != .member }
            return .refused("the group is in use: \(acceptors.names(blank)) is rebuilt by the services, not by init")
        }
        return await adopt(deadlineNs: deadlineNs)
    }

    /// Checks that replicas which all report to be members form one group. The latest configuration that any of them
    /// holds must name the incarnations of all. The group's name proves nothing, because two groups may both have the
    /// default name.
    private func compare(_ identities: [ReplicaIdentity], deadlineNs: UInt64) async -> Result {
        let replies = await ask(AcceptorCommands.read(.configuration), deadlineNs)
        var latest: GroupConfiguration?
        for (replica, name) in group.replicaNames.enumerated() {
            guard let value = replies[replica]?[0]?[2] else { return .refused("\(name) did not answer") }
            // A rebuilt replica may not have the configuration yet.
            guard let text = value.bytes else { continue }
            guard let found = GroupConfiguration(text: text, names: group.replicaNames) else {
                return .refused(
                    "\(name) belongs to a group of other replicas (\(String(decoding: text, as: UTF8.self))): "
                        + "REPLICAS must name just those")
            }
            if found.epoch > latest?.epoch ?? 0 { latest = found }
        }
        guard let latest else { return .refused("the replicas are members, but none holds the group's configuration") }
        let unnamed = group.everyReplica.filter { latest.entries[$0].incarnation != identities[$0].incarnation }
        guard unnamed.isEmpty else {
            let named = group.everyReplica.filter { !unnamed.contains($0) }
            return .refused(
                "\(acceptors.names(unnamed)) and \(acceptors.names(named)) are of different groups, which are both "
                    + "called '\(String(decoding: acceptors.name, as: UTF8.self))': check REPLICAS")
        }
        return .alreadyInitialized(epoch: identities.map(\.epoch).max() ?? 1)
    }

    private func adopt(deadlineNs: UInt64) async -> Result {
        let names = group.replicaNames
        let drawn = names.map { _ in Bytes(hexadecimal: acceptors.scheduler.randomBits()) }
        let adoption = await ask(
            MembershipCommands.adopt(group: acceptors.name, names: names, incarnations: drawn), deadlineNs)
        var identities: [ReplicaIdentity] = []
        for (replica, name) in names.enumerated() {
            guard let identity = acceptors.reported(adoption[replica], by: replica).own else {
                return .refused("\(name) could not be adopted; check it and run init again")
            }
            identities.append(identity)
        }
        return await agree(on: identities, deadlineNs: deadlineNs)
    }

    private func agree(on identities: [ReplicaIdentity], deadlineNs: UInt64) async -> Result {
        let entries = zip(group.replicaNames, identities).map {
            GroupConfiguration.Entry(name: $0, incarnation: $1.incarnation, isVoter: true)
        }
        let first = GroupConfiguration(epoch: 1, entries: entries)
        if identities.allSatisfy({ $0.state == .rebuilding }) {
            if let reason = await accept(first, deadlineNs: deadlineNs) { return .refused(reason) }
        } else {
            // An earlier run was interrupted between two promotions. This run continues only if all replicas hold
            // exactly the configuration `first`, at one ballot.
            let replies = await ask(AcceptorCommands.read(.configuration), deadlineNs)
            let ballots = Set(group.everyReplica.map { replies[$0]?[0]?[0]?.bytes })
            let values = Set(group.everyReplica.map { replies[$0]?[0]?[2]?.bytes })
            guard ballots.count == 1, values == [first.text] else {
                return .refused("a replica of a group in use is blank: the services rebuild it, not init")
            }
        }
        let promotion = await ask(MembershipCommands.promote(first), deadlineNs)
        for replica in group.everyReplica where promotion[replica] != .integer(1) {
            return .refused("\(group.replicaNames[replica]) was not promoted; run init again")
        }
        return .initialized
    }

    /// Gets the configuration accepted by all replicas in epoch 0. Returns nil if all have accepted it, otherwise the
    /// reason why not.
    private func accept(_ configuration: GroupConfiguration, deadlineNs: UInt64) async -> String? {
        let epoch0 = GroupConfiguration(epoch: 0, entries: configuration.entries)
        let context = RoundContext(acceptors, under: epoch0, quorumSize: group.replicaCount)
        let ballots = BallotGenerator(scheduler: acceptors.scheduler)
        let chosen = await context.choose(
            .configuration, ballots: ballots, maxRounds: Self.maxRounds, deadlineNs: deadlineNs
        ) { found in
            guard found.isDeleted else { return found.value == configuration.text ? found : nil }
            var state = found
            state.value = configuration.text
            state.isDeleted = false
            state.version += 1
            return state
        }
        switch chosen {
        case .success(.some): return nil
        // An earlier run left another configuration. A replica keeps its incarnation until it is wiped, so a replica
        // has since been wiped.
        case .success(nil):
            return "a replica was wiped since an earlier init agreed on it: wipe all of them and run init again"
        case .failure(.preempted): return "another initialisation is running; run init again"
        case .failure(let failure): return "the replicas did not agree (\(failure)); run init again"
        }
    }

    private func ask(_ command: Command, _ deadlineNs: UInt64) async -> ReplicaReplies {
        await acceptors.client().ask(command, of: group.everyReplica, deadlineNs: deadlineNs)
    }
}
