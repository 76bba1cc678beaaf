import EventLoop
import Replication

/// Makes a blank replica a member while the group serves requests (rule C8).
///
/// The rebuild itself copies no data to the replica. It makes the other replicas agree on every key, so that any quorum
/// with the new voter includes a replica that holds every chosen state. ``CatchUp`` copies the data afterwards.
///
/// Any instance may rebuild a replica, and two at once do no harm. Any instance can continue a rebuild that another
/// began, because all progress is stored on the replicas.
final class Rebuilder {
    private let acceptors: AcceptorGroup
    private let configurations: ConfigurationRegister
    private let ballots: BallotGenerator
    private let pageSize: Int
    /// By replica: the progress of its rebuild by this instance.
    private(set) var progress: [RebuildProgress?]

    private static let maxConcurrentKeys = 16
    /// Limits for making the other replicas agree on one key: the number of attempts, and their total time.
    private static let maxRounds = 16
    private static let maxIdentityRoundNs = 4_000 * nsPerMs

    init(
        _ acceptors: AcceptorGroup, configurations: ConfigurationRegister, ballots: BallotGenerator, pageSize: Int
    ) {
        self.acceptors = acceptors
        self.configurations = configurations
        self.ballots = ballots
        self.pageSize = pageSize
        progress = Array(repeating: nil, count: acceptors.replicas.replicaCount)
    }

    /// Rebuilds the first replica that needs it and can be rebuilt.
    func run(_ views: [ReplicaView]) async {
        for (replica, view) in views.enumerated() {
            guard view.role == .blank || view.role == .rebuilding else {
                if progress[replica]?.phase != .done { progress[replica] = nil }
                continue
            }
            let before = progress[replica]
            progress[replica] = RebuildProgress()
            do throws(Aborted) {
                guard try await rebuild(replica, views) else {
                    progress[replica] = before
                    continue
                }
                progress[replica]?.phase = .done
                progress[replica]?.note = nil
                acceptors.events?.replicaRebuilt(replica)
                return
            } catch {
                progress[replica]?.note = error.reason
            }
        }
    }

    /// Rebuilds one replica. Returns false if another instance has already made it a member.
    private func rebuild(_ replica: Int, _ views: [ReplicaView]) async throws(Aborted) -> Bool {
        let others = acceptors.replicas.everyReplica.subtracting([replica])
        for other in others {
            if let problem = views[other].problem { throw Aborted("waits: \(problem)") }
        }
        guard var configuration = configurations.current else {
            throw Aborted("the configuration in force is not known")
        }
        for other in others where !configuration.voters.contains(other) {
            throw Aborted("waits: \(views[other].name) is not a voter yet")
        }
        guard let incarnation = try await adopt(replica) else { return false }
        if configuration.entries[replica].incarnation != incarnation {
            enter(.announcing, replica)
            configuration = try await change(configuration, replica, to: incarnation, isVoter: false)
        }
        // From here on, the other replicas reject every proposer whose configuration still names the lost incarnation.
        var watermark = try await raiseEpoch(configuration, on: others)
        if !configuration.entries[replica].isVoter {
            enter(.comparing, replica)
            try await compare(replica, with: others, under: configuration)
            enter(.admitting, replica)
            configuration = try await change(configuration, replica, to: incarnation, isVoter: true)
            watermark.raise(to: try await raiseEpoch(configuration, on: others))
        }
        enter(.promoting, replica)
        try await announceCounter(of: incarnation, to: others, configuration)
        let witnessed = try await counters(of: others, configuration)
        try await promote(replica, configuration, watermark, witnessed: witnessed)
        return true
    }

    private func enter(_ phase: RebuildProgress.Phase, _ replica: Int) { progress[replica]?.phase = phase }

    // MARK: Steps

    private var client: ReplicaClient { acceptors.client() }
    private func name(_ replica: Int) -> String { acceptors.replicas.replicaNames[replica] }

    /// Gives the replica an identity, unless it has one. Returns its incarnation; nil if it is already a member.
    private func adopt(_ replica: Int) async throws(Aborted) -> Bytes? {
        enter(.adopting, replica)
        let names = acceptors.replicas.replicaNames
        let drawn = Bytes(hexadecimal: acceptors.scheduler.randomBits())
        let command = MembershipCommands.adopt(
            group: acceptors.name, names: names, incarnations: names.map { _ in drawn })
        guard let identity = acceptors.reported(await client.ask(command, of: replica), by: replica).own else {
            throw Aborted("\(name(replica)) could not be adopted")
        }
        return identity.state == .rebuilding ? identity.incarnation : nil
    }

    private func change(
        _ old: GroupConfiguration, _ replica: Int, to incarnation: Bytes, isVoter: Bool
    ) async throws(Aborted) -> GroupConfiguration {
        let new = old.replacing(replica, with: incarnation, isVoter: isVoter)
        guard await configurations.change(from: old, to: new, deadlineNs: acceptors.deadlineNs) else {
            throw Aborted("the configuration changed meanwhile")
        }
        return new
    }

    /// - Returns: the highest GC watermark among `others`.
    private func raiseEpoch(
        _ configuration: GroupConfiguration, on others: ReplicaSet
    ) async throws(Aborted) -> GCWatermark {
        let command = MembershipCommands.raiseEpoch(group: acceptors.name, to: configuration)
        let replies = await client.ask(command, of: others)
        var highest = GCWatermark()
        for other in others {
            guard let watermark = GCWatermark(replies[other]) else {
                throw Aborted("waits: \(name(other)) did not adopt the epoch")
            }
            highest.raise(to: watermark)
        }
        return highest
    }

    /// Makes the other replicas witnesses of the rollback counter that the new member starts with. If the new member is
    /// later restored from an older dump, the restore is detected.
    private func announceCounter(
        of incarnation: Bytes, to others: ReplicaSet, _ configuration: GroupConfiguration
    ) async throws(Aborted) {
        let incarnations = configuration.entries.map(\.incarnation)
        if let other = await acceptors.record(counter: 1, of: incarnation, at: others, incarnations) {
            throw Aborted("waits: \(name(other)) did not record the rollback counter")
        }
    }

    /// The rollback counters of the other replicas. The new member becomes a witness of them.
    private func counters(
        of others: ReplicaSet, _ configuration: GroupConfiguration
    ) async throws(Aborted) -> [MembershipCommands.WitnessedCounter] {
        let replies = await client.ask(MembershipCommands.probe(), of: others)
        let observations = acceptors.observations { replies[$0] }
        var counters: [MembershipCommands.WitnessedCounter] = []
        for other in others {
            let incarnation = configuration.entries[other].incarnation
            guard let observation = observations[other], observation.identity?.incarnation == incarnation else {
                throw Aborted("waits: \(name(other)) did not report its rollback counter")
            }
            counters.append((incarnation, observation.rollbackCounter))
        }
        return counters
    }

    private func promote(
        _ replica: Int, _ configuration: GroupConfiguration, _ watermark: GCWatermark,
        witnessed: [MembershipCommands.WitnessedCounter]
    ) async throws(Aborted) {
        let command = MembershipCommands.promote(configuration, watermark: watermark, witnessed: witnessed)
        guard await client.ask(command, of: replica) == .integer(1) else {
            throw Aborted("\(name(replica)) was not promoted")
        }
    }

    /// Makes the other replicas agree on every key, because a quorum with the new member may include only one of them.
    private func compare(
        _ replica: Int, with others: ReplicaSet, under configuration: GroupConfiguration
    ) async throws(Aborted) {
        let scan = RegisterScan(acceptors, configuration: configuration, pageSize: pageSize)
        let context = RoundContext(acceptors, under: configuration, quorumSize: others.count)
        for other in others {
            try await scan.forEachPage(of: other) { page throws(Aborted) in
                let summaries = await scan.summaries(of: page, at: others)
                let different = zip(page, summaries).filter { _, summary in
                    let ballots = others.map { summary[$0].ballot }
                    return ballots.contains(nil) || Set(ballots).count > 1
                }
                var failure: Aborted?
                await acceptors.scheduler.forEach(different.map(\.0), limit: Self.maxConcurrentKeys) {
                    [self] register in
                    guard failure == nil else { return }
                    let deadlineNs = acceptors.scheduler.nowNs + Self.maxIdentityRoundNs
                    switch await context.choose(
                        register, ballots: ballots, maxRounds: Self.maxRounds, deadlineNs: deadlineNs, { $0 })
                    {
                    case .success: progress[replica]?.keysRepaired += 1
                    case .failure(let reason): failure = Aborted(reason)
                    }
                }
                if let failure { throw failure }
                progress[replica]?.keysCompared += UInt64(page.count)
            }
        }
    }
}

extension Aborted {
    fileprivate init(_ failure: RoundFailure) {
        switch failure {
        case .preempted, .noScript, .overloaded: reason = "other instances kept changing one key"
        case .otherConfiguration: reason = "the configuration changed meanwhile"
        case .noMajority: reason = "waits: the other replicas do not all answer"
        case .failed(let error): reason = "a replica answered '\(error.text)'"
        }
    }
}
