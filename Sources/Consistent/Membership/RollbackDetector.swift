import EventLoop
import Replication

/// Finds replicas that were rolled back, and erases them (rule C8).
///
/// Every second, a member's rollback counter is raised and copied to the other members, its witnesses. A counter never
/// falls. A member whose counter is below a witness's copy was restored from an old dump, or from a snapshot of its
/// virtual machine. It may have forgotten promises.
final class RollbackDetector {
    private let acceptors: AcceptorGroup
    private let probeTimeoutMs: UInt64
    /// By replica: the run ID of the server process whose counter was last compared with the witnesses.
    private var comparedRuns: [Bytes?]
    /// By replica: why and when its last connection was not admitted; nil after an admission.
    private var admissionFailures: [(reason: String, atNs: UInt64)?]

    /// How long a failed admission is reported. It is longer than the pause between two attempts to connect, so that
    /// the report does not vanish between them.
    private static let maxFailureAgeNs = 5_000 * nsPerMs

    /// An admission stops waiting for witnesses after this time. It is also the time limit of an erasure.
    private var maxAdmissionMs: UInt64 { probeTimeoutMs * 2 + 100 }

    /// - Parameter probeTimeoutMs: how long a comparison waits for an unresponsive replica, in milliseconds.
    init(_ acceptors: AcceptorGroup, probeTimeoutMs: UInt64) {
        self.acceptors = acceptors
        self.probeTimeoutMs = probeTimeoutMs
        comparedRuns = Array(repeating: nil, count: acceptors.replicas.replicaCount)
        admissionFailures = Array(repeating: nil, count: acceptors.replicas.replicaCount)
    }

    /// Why a replica that answers is not admitted; nil if it is admitted, or no longer answers.
    func admissionFailure(of replica: Int) -> String? {
        guard let failure = admissionFailures[replica] else { return nil }
        return acceptors.scheduler.nowNs - failure.atNs < Self.maxFailureAgeNs ? failure.reason : nil
    }

    /// True if the server process with this run ID was compared with the witnesses.
    func isCompared(_ replica: Int, runID: Bytes?) -> Bool {
        comparedRuns[replica] != nil && comparedRuns[replica] == runID
    }

    // MARK: Admission

    /// Admits a new connection once the replica's counter was compared with the copies on its witnesses. A server
    /// process that was already compared is admitted again even if no witness answers. Any other process waits for a
    /// witness: without one, no majority of all replicas is available anyway.
    ///
    /// A witness that was down may hold outdated counters. So a single witness is accepted only after the others had
    /// time to connect: when an instance starts, its replicas connect one after another.
    func admit(_ replica: Int) async -> Bool {
        let scheduler = acceptors.scheduler
        let startNs = scheduler.nowNs
        while scheduler.nowNs < startNs + maxAdmissionMs * nsPerMs {
            let acceptsOneWitness = scheduler.nowNs - startNs >= probeTimeoutMs * nsPerMs
            switch await compare(replica, acceptsOneWitness: acceptsOneWitness) {
            case .admitted:
                admissionFailures[replica] = nil
                return true
            case .silent: return false
            case .rejected(let reason): return fail(replica, reason)
            case .noWitness: await scheduler.sleep(forNs: 20 * nsPerMs)
            }
        }
        return fail(replica, "no other member answers to compare its rollback counter with")
    }

    private func fail(_ replica: Int, _ reason: String) -> Bool {
        admissionFailures[replica] = (reason, acceptors.scheduler.nowNs)
        return false
    }

    private enum Comparison {
        case admitted
        /// The replica did not answer.
        case silent
        case rejected(String)
        /// Too few witnesses answered.
        case noWitness
    }

    private func compare(_ replica: Int, acceptsOneWitness: Bool) async -> Comparison {
        let client = acceptors.client(timeoutMs: probeTimeoutMs)
        let process = client.send(MembershipCommands.info(), to: [replica], duringAdmission: true)
        let probes = client.send(
            MembershipCommands.probe(), to: acceptors.replicas.everyReplica, duringAdmission: true)
        await process.waitForAll()
        // Wait for all replicas, because the slowest may hold the highest counter. The deadline bounds the wait for an
        // unresponsive one.
        await probes.waitForAll()
        let observations = acceptors.observations { probes.reply(from: $0) }
        guard let info = process.reply(from: replica), let own = observations[replica] else { return .silent }
        if let error = info.error { return .rejected("it answers '\(error.text)'") }
        if case .unclear(let error) = own.reported { return .rejected("it answers '\(error.text)'") }
        guard let runID = Durability.runID(of: info) else { return .rejected("it reports no run_id") }
        // A blank or foreign replica does not vote, so it can be admitted.
        guard let identity = own.identity else {
            comparedRuns[replica] = runID
            return .admitted
        }
        let isKnown = comparedRuns[replica] == runID
        // A replica that is being rebuilt has made no promise yet, so it cannot have forgotten one. This Redis process
        // was compared before, so it has not loaded an old dump since.
        if isKnown, identity.state == .rebuilding { return .admitted }
        guard let witnessed = Self.witnessedCounter(of: identity.incarnation, at: replica, in: observations) else {
            return isKnown ? .admitted : .noWitness
        }
        // A rebuilding replica may look rolled back, because its first counter is already witnessed. It is treated as
        // rolled back, because an old dump from the rebuild looks the same (rule C8).
        let isRolledBack = own.rollbackCounter < witnessed
        // Wait for more witnesses if possible. Those that connect later may hold higher counters. They may also be
        // rolled back themselves, and then only one replica may be erased.
        let mustWait = (isRolledBack || !isKnown) && !acceptsOneWitness
        if mustWait, observations.contains(where: { $0 == nil }) { return .noWitness }
        if isRolledBack {
            guard await erase(replica, identity.incarnation, own.rollbackCounter, observations) else {
                return .rejected("it was rolled back, and too few other replicas would be left")
            }
        }
        comparedRuns[replica] = runID
        return .admitted
    }

    // MARK: Comparison

    /// Erases members whose counter is below a copy that a witness holds, as far as `erase` allows, even if they are
    /// admitted and in use.
    /// - Returns: the observations, in which every rolled-back member counts as blank.
    func eraseRolledBack(_ observations: [ReplicaObservation?]) async -> [ReplicaObservation?] {
        let names = acceptors.replicas.replicaNames
        // Members that were found rolled back no longer count as witnesses or as remaining voters, even if they were
        // not erased.
        var rest = observations
        // In the order of names: `erase` allows only the first of several.
        for replica in observations.indices.sorted(by: { names[$0] < names[$1] }) {
            guard let observation = observations[replica], let identity = observation.member,
                Self.isBehind(replica, rest)
            else { continue }
            // If another instance raised the counter since the probe, the replica no longer has this counter, and
            // `erase` does nothing.
            _ = await erase(replica, identity.incarnation, observation.rollbackCounter, rest)
            rest[replica]?.reported = .blank
        }
        return rest
    }

    /// True if a member's rollback counter is below the copy that another member holds.
    static func isBehind(_ replica: Int, _ observations: [ReplicaObservation?]) -> Bool {
        guard let observation = observations[replica], let identity = observation.member,
            let witnessed = witnessedCounter(of: identity.incarnation, at: replica, in: observations)
        else { return false }
        return observation.rollbackCounter < witnessed
    }

    /// The highest copy of the counter of `incarnation` that other members hold; nil if no other member answered.
    private static func witnessedCounter(
        of incarnation: Bytes, at replica: Int, in observations: [ReplicaObservation?]
    ) -> UInt64? {
        var counters: [UInt64] = []
        for (other, observation) in observations.enumerated() where other != replica {
            // A replica that is being rebuilt has no witnessed counters yet.
            guard let observation, observation.member != nil else { continue }
            counters.append(observation.witnessed[incarnation] ?? 0)
        }
        return counters.max()
    }

    /// Erases a rolled-back replica, but only if the other replicas can still be a majority of all replicas. After a
    /// restore from dumps of different times, several replicas are behind, and erasing them all would lose the group.
    /// So every instance erases only the first of them by name.
    private func erase(
        _ replica: Int, _ incarnation: Bytes, _ rollbackCounter: UInt64, _ observations: [ReplicaObservation?]
    ) async -> Bool {
        let left = observations.indices.filter { other in
            switch observations[other]?.reported {
            case .own(let identity): other != replica && identity.state == .member
            case .blank, .foreign: false
            case .unclear, nil: other != replica
            }
        }
        guard left.count >= acceptors.majority else { return false }
        let names = acceptors.replicas.replicaNames
        let isFirst = observations.indices.allSatisfy { other in
            names[other] >= names[replica] || !Self.isBehind(other, observations)
        }
        guard isFirst else { return false }
        let command = MembershipCommands.erase(incarnation, rollbackCounter: rollbackCounter)
        let reply = await acceptors.client(timeoutMs: maxAdmissionMs).ask(command, of: replica, duringAdmission: true)
        // -1 means that the replica no longer has this incarnation and counter, so nothing was erased.
        guard let count = reply?.int64, count >= 0 else { return false }
        acceptors.events?.replicaRolledBack(replica)
        return true
    }
}
