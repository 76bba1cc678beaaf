import EventLoop
import Replication

/// Compares a replica's records with those of every peer and copies what it lacks (rules A8, A11). After either has
/// lost its data, only this makes the replica's staleness known again.
final class AntiEntropy: BackgroundTask {
    private let environment: Environment
    private let comparison: RecordComparison
    private let control: BackgroundControl
    private var isRunning = false
    private var schedules: [Schedule]

    /// When the next run for one replica may begin.
    private struct Schedule {
        var notBeforeNs: UInt64 = 0
        /// The peer that the last run did without: once it is back, the next run need not wait.
        var missingPeer: Int?
    }

    private static let leaseMs: UInt64 = 5_000
    /// After a run that failed, or while another instance has the lease.
    private static let retryNs = 1_000 * nsPerMs
    /// After a run that copied all but some records.
    private static let incompleteRetryNs = 10_000 * nsPerMs
    /// After a run without one peer.
    private static let partialRetryNs = 30_000 * nsPerMs

    init(_ environment: Environment, comparison: RecordComparison, control: BackgroundControl) {
        self.environment = environment
        self.comparison = comparison
        self.control = control
        schedules = environment.replicas.names.map { _ in Schedule() }
    }

    private var replicas: ReplicaTable { environment.replicas }

    /// One run at a time; first for replicas whose staleness only a comparison can make known.
    func startIfDue() {
        let usable = replicas.usable
        guard !isRunning, usable.count > 1 else { return }
        let ready = usable.filter { replica in
            environment.nowNs >= schedules[replica].notBeforeNs
                || schedules[replica].missingPeer.map { usable.contains($0) } ?? false
        }
        // Periodic runs need all replicas. `comparedAgoUs` is stored on the replica, so runs of other instances count.
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
            // The next replica need not wait for the next probe.
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
        // Until the next probe it is not known what the comparison has changed.
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
