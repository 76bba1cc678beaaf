import EventLoop
import Replication

/// Compares a replica's records with those of every peer, and copies the records that it lacks (rules A8, A11). Until a
/// comparison is complete, the staleness of a replica with a new incarnation is unknown. If a peer has a new
/// incarnation, the staleness grows until then.
final class AntiEntropy: BackgroundTask {
    private let environment: Environment
    private let comparison: RecordComparison
    private let control: BackgroundControl
    private var isRunning = false
    private var schedules: [Schedule]

    /// When the next run for one replica may begin.
    private struct Schedule {
        var notBeforeNs: UInt64 = 0
        /// A peer that was unreachable during the last run. The next run starts as soon as this peer is reachable.
        var missingPeer: Int?
    }

    private static let leaseMs: UInt64 = 5_000
    /// Pause after a run that failed, or while another instance has the lease.
    private static let retryNs = 1_000 * nsPerMs
    /// Pause after a run that could not copy some of the records.
    private static let incompleteRetryNs = 10_000 * nsPerMs
    /// Pause after a run in which a peer was unreachable.
    private static let partialRetryNs = 30_000 * nsPerMs

    init(_ environment: Environment, comparison: RecordComparison, control: BackgroundControl) {
        self.environment = environment
        self.comparison = comparison
        self.control = control
        schedules = environment.replicas.names.map { _ in Schedule() }
    }

    private var replicas: ReplicaTable { environment.replicas }

    /// Starts a run for one replica, unless one is in progress. Replicas that may lack records for which no replica has
    /// a hint come first.
    func startIfDue() {
        let usable = replicas.usable
        guard !isRunning, usable.count > 1 else { return }
        let ready = usable.filter { replica in
            environment.nowNs >= schedules[replica].notBeforeNs
                || schedules[replica].missingPeer.map { usable.contains($0) } ?? false
        }
        // A periodic run starts only while all replicas are reachable. Each replica stores when it was last compared
        // (`comparedAgoUs`), so a run by another instance counts too.
        let intervalUs = Int64(environment.settings.background.antiEntropyIntervalMs) * 1_000
        let isDue = { [replicas] (replica: Int) in
            usable == replicas.everyReplica && replicas[replica].probe.comparedAgoUs.map { $0 >= intervalUs } ?? true
        }
        let needy = ready.first { replicas.needsAntiEntropy($0, of: usable) }
        guard let replica = needy ?? ready.first(where: isDue) else { return }
        isRunning = true
        environment.scheduler.spawn { [self] in
            await run(replica)
            isRunning = false
            // Start the run for the next replica now, not only after the next probe.
            if control.isRunning { startIfDue() }
        }
    }

    private func run(_ replica: Int) async {
        let retryNs = environment.scheduler.random(in: Self.retryNs / 2...Self.retryNs * 2)
        schedules[replica].missingPeer = nil
        let lease = control.lease(RedisKeys.antiEntropyLease, at: replica, durationMs: Self.leaseMs)
        guard await lease.acquire() else {
            schedules[replica].notBeforeNs = environment.nowNs + retryNs
            return
        }
        var count = RecordComparison.Count()
        var failure: String?
        // Wait at least until the next probe: only a probe shows what this run has changed.
        var pauseNs = environment.settings.background.probeIntervalMs * nsPerMs
        do {
            var end = try await comparison.run(replica, lease, &count)
            if case .tooEarly(let waitMs) = end {
                await environment.scheduler.sleep(forNs: (waitMs + 2 * Fence.marginMs) * nsPerMs)
                end = try await comparison.run(replica, lease, &count)
            }
            switch end {
            case .complete: break
            case .tooEarly(let waitMs):
                schedules[replica].notBeforeNs = environment.nowNs + waitMs * nsPerMs
                await lease.release()
                return
            case .incomplete:
                pauseNs = Self.incompleteRetryNs
                failure = "\(count.uncopied) records could not be copied: they are too large for the network"
            case .without(let peer):
                pauseNs = Self.partialRetryNs
                schedules[replica].missingPeer = peer
                failure = "\(replicas.names[peer]) does not answer"
            }
        } catch {
            pauseNs = retryNs
            failure = error.reason
        }
        schedules[replica].notBeforeNs = environment.nowNs + pauseNs
        environment.events?.antiEntropyEnded(
            replica: replica, compared: count.compared, repaired: count.repaired, failure: failure)
        await lease.release()
    }
}
