import EventLoop
import Replication

/// Makes a member of a blank replica while traffic goes on (rule C8). Any instance may do it; two at once do no harm; what
/// one left half done another goes on with, for every step is told from what the replicas hold.
final class Rebuilder {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let groupName: Bytes
    private let proposer: Proposer
    private let pageSize: Int
    /// By replica: how far this instance has come.
    private(set) var progress: [RebuildProgress?]
    /// Replicas made members by this instance since it started.
    private(set) var completed: UInt64 = 0

    private typealias Halt = RegisterScan.Halt
    private static let timeoutNs = 1_000 * nsPerMs
    private static let maxAtOnce = 16
    /// Rounds for one register before the rebuild is begun again.
    private static let maxRounds = 16

    init(
        group: any ReplicaGroup, scheduler: any Scheduler, groupName: Bytes, proposer: Proposer, pageSize: Int
    ) {
        self.group = group
        self.scheduler = scheduler
        self.groupName = groupName
        self.proposer = proposer
        self.pageSize = pageSize
        progress = Array(repeating: nil, count: group.replicaCount)
    }

    /// Rebuilds the first replica that needs it and can be; true where one became a member.
    func run(_ views: [ReplicaView]) async -> Bool {
        for (replica, view) in views.enumerated() {
            guard view.standing == .blank || view.standing == .rebuilding else {
                if progress[replica]?.phase != .done { progress[replica] = nil }
                continue
            }
            let before = progress[replica]
            progress[replica] = RebuildProgress()
            do throws(Halt) {
                guard try await rebuild(replica, views) else {
                    progress[replica] = before
                    continue
                }
                progress[replica]?.phase = .done
                progress[replica]?.note = nil
                completed += 1
                return true
            } catch {
                progress[replica]?.note = error.reason
            }
        }
        return false
    }

    /// False where another instance made it a member since it was looked at.
    private func rebuild(_ replica: Int, _ views: [ReplicaView]) async throws(Halt) -> Bool {
        let others = group.everyReplica.subtracting([replica])
        for other in others {
            if let trouble = views[other].trouble { throw Halt(reason: "waits: \(trouble)") }
        }
        guard var configuration = proposer.configurations.current else {
            throw Halt(reason: "the configuration in force is not known")
        }
        for other in others where !configuration.counted.contains(other) {
            throw Halt(reason: "waits: \(views[other].name) does not count yet")
        }
        guard let incarnation = try await adopt(replica) else { return false }
        if configuration.members[replica].incarnation != incarnation {
            enter(.announcing, replica)
            configuration = try await change(configuration, replica, to: incarnation, isCounted: false)
        }
        // From here on both others refuse who does not know that it is learning.
        var floors = try await raise(configuration, on: others)
        if !configuration.members[replica].isCounted {
            enter(.comparing, replica)
            try await compare(replica, with: others, under: configuration)
            enter(.counting, replica)
            configuration = try await change(configuration, replica, to: incarnation, isCounted: true)
            floors = Floors.higher(floors, try await raise(configuration, on: others))
        }
        enter(.promoting, replica)
        try await announceBeat(of: incarnation, on: others, configuration)
        try await promote(replica, configuration, floors, beats: try await beats(of: others, configuration))
        return true
    }

    private func enter(_ phase: RebuildProgress.Phase, _ replica: Int) { progress[replica]?.phase = phase }

    // MARK: Steps

    /// Its incarnation; nil where it is a member already.
    private func adopt(_ replica: Int) async throws(Halt) -> Bytes? {
        enter(.adopting, replica)
        var drawn = Bytes()
        drawn.append(hexadecimal: scheduler.randomBits())
        let command = MemberCommands.adopt(
            group: groupName, names: group.replicaNames, incarnations: group.replicaNames.map { _ in drawn })
        let reply = await ask(command, [replica]).reply(from: replica)
        let name = group.replicaNames[replica]
        guard case .own(let identity) = ReplicaSelf(fields: reply, group: groupName, name: name) else {
            throw Halt(reason: "\(name) could not be adopted")
        }
        return identity.state == .rebuilding ? identity.incarnation : nil
    }

    private func change(
        _ old: GroupConfiguration, _ replica: Int, to incarnation: Bytes, isCounted: Bool
    ) async throws(Halt) -> GroupConfiguration {
        var members = old.members
        members[replica] = .init(name: members[replica].name, incarnation: incarnation, isCounted: isCounted)
        let new = GroupConfiguration(epoch: old.epoch + 1, members: members)
        guard await proposer.configurations.change(from: old, to: new, deadlineNs: deadlineNs) else {
            throw Halt(reason: "the configuration changed meanwhile")
        }
        return new
    }

    /// The floors of collection (rule C10).
    private struct Floors {
        var ballot: Ballot?
        var version: UInt64 = 0

        static func higher(_ left: Floors, _ right: Floors) -> Floors {
            Floors(
                ballot: [left.ballot, right.ballot].compactMap { $0 }.max(),
                version: max(left.version, right.version))
        }
    }

    private func raise(_ configuration: GroupConfiguration, on others: ReplicaSet) async throws(Halt) -> Floors {
        let call = await ask(MemberCommands.raise(group: groupName, to: configuration), others)
        var floors = Floors()
        for other in others {
            guard case .array(let fields)? = call.reply(from: other), fields.count == 2 else {
                throw Halt(reason: "waits: \(group.replicaNames[other]) did not take over the epoch")
            }
            let version = fields[1].int64.flatMap { UInt64(exactly: $0) } ?? 0
            floors = .higher(floors, Floors(ballot: fields[0].bytes.flatMap(Ballot.init(text:)), version: version))
        }
        return floors
    }

    /// Tells the others a beat that the replica will have as a member: a dump of it from before that moment is behind.
    private func announceBeat(
        of incarnation: Bytes, on others: ReplicaSet, _ configuration: GroupConfiguration
    ) async throws(Halt) {
        for other in others {
            let command = MemberCommands.copy(
                group: groupName, to: configuration.members[other].incarnation, beats: [(incarnation, 1)])
            guard await ask(command, [other]).reply(from: other) == .integer(1) else {
                throw Halt(reason: "waits: \(group.replicaNames[other]) did not note the beat")
            }
        }
    }

    /// What the new member must know of the others: a dump of one of them from before this moment is behind.
    private func beats(
        of others: ReplicaSet, _ configuration: GroupConfiguration
    ) async throws(Halt) -> [(incarnation: Bytes, beat: UInt64)] {
        let call = await ask(MemberCommands.look(), others)
        var beats: [(incarnation: Bytes, beat: UInt64)] = []
        for other in others {
            let name = group.replicaNames[other]
            let look = ReplicaObservation(call.reply(from: other), group: groupName, name: name)
            guard let look, look.identity?.incarnation == configuration.members[other].incarnation else {
                throw Halt(reason: "waits: \(name) did not tell its beat")
            }
            beats.append((configuration.members[other].incarnation, look.beat))
        }
        return beats
    }

    private func promote(
        _ replica: Int, _ configuration: GroupConfiguration, _ floors: Floors,
        beats: [(incarnation: Bytes, beat: UInt64)]
    ) async throws(Halt) {
        let command = MemberCommands.promote(
            configuration, floor: floors.ballot, versionFloor: floors.version, beats: beats)
        guard await ask(command, [replica]).reply(from: replica) == .integer(1) else {
            throw Halt(reason: "\(group.replicaNames[replica]) was not promoted")
        }
    }

    // MARK: Keys

    /// Makes the others agree on every key: a majority with the new member may have only one of them in it.
    private func compare(
        _ replica: Int, with others: ReplicaSet, under configuration: GroupConfiguration
    ) async throws(Halt) {
        let commands = AcceptorCommands(group: groupName, configuration: configuration)
        let scan = RegisterScan(
            group: group, scheduler: scheduler, groupName: groupName, commands: commands, pageSize: pageSize)
        let context = RoundContext(group: group, scheduler: scheduler, commands: commands, quorum: others.count)
        for other in others {
            try await scan.forEachPage(of: other) { page throws(Halt) in
                let holdings = await scan.holdings(of: page, at: others)
                let different = zip(page, holdings).filter { _, held in
                    let ballots = others.map { held[$0].ballot }
                    return ballots.contains(nil) || Set(ballots).count > 1
                }
                var halt: Halt?
                await scheduler.forEach(different.map(\.0), atOnce: Self.maxAtOnce) { [self] register in
                    guard halt == nil else { return }
                    do throws(Halt) {
                        try await settle(register, in: context)
                        progress[replica]?.keysSettled += 1
                    } catch { halt = error }
                }
                if let halt { throw halt }
                progress[replica]?.keysCompared += UInt64(page.count)
            }
        }
    }

    /// A round that changes nothing, and that all counted replicas accept.
    private func settle(_ register: Register, in context: RoundContext) async throws(Halt) {
        for round in 0..<Self.maxRounds {
            let ballot = proposer.nextBallot()
            switch await Round.prepare(register, ballot, in: context, deadlineNs: deadlineNs) {
            case .success((_, let state)):
                proposer.saw(ballot.next)
                let accept = Round.accept(register, ballot, state, in: context, deadlineNs: deadlineNs)
                switch await accept.accepted() {
                case .success: return
                case .failure(let refusal): try heed(refusal)
                }
            case .failure(let refusal): try heed(refusal)
            }
            await scheduler.sleep(forNs: scheduler.random(in: 0...(UInt64(round + 1) * 2 * nsPerMs)))
        }
        throw Halt(reason: "other instances were writing one key all the time")
    }

    private func heed(_ refusal: RoundRefusal) throws(Halt) {
        switch refusal {
        case .outbid(let higher): proposer.leap(over: higher)
        case .noScript, .overloaded: break
        case .otherConfiguration: throw Halt(reason: "the configuration changed meanwhile")
        case .noMajority: throw Halt(reason: "waits: the others do not all answer")
        case .failed(let text): throw Halt(reason: "a replica answered '\(text)'")
        }
    }

    // MARK: Asking

    private var deadlineNs: UInt64 { scheduler.nowNs + Self.timeoutNs }

    private func ask(_ command: Command, _ replicas: ReplicaSet) async -> QuorumCall {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        call.send(command, to: replicas)
        await call.waitForAll()
        return call
    }
}
