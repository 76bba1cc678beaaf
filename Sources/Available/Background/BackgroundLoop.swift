import EventLoop
import Replication

/// Drives the background work: runs a staleness probe, then starts the work that the probe shows to be due.
final class BackgroundLoop {
    private let environment: Environment
    private let admission: ReplicaAdmission
    private let staleness: StalenessTracker
    private let transfer: RecordTransfer
    private let tasks: [any BackgroundTask]
    private let control: BackgroundControl
    /// Until this time, probes are frequent: the staleness of a replica that has just connected is not known yet.
    private var frequentUntilNs: UInt64 = 0

    private static let frequentForNs = 2_000 * nsPerMs
    private static let minFrequentIntervalNs = 50 * nsPerMs

    init(_ environment: Environment, scripts: ScriptClient) {
        self.environment = environment
        admission = scripts.admission
        control = BackgroundControl(environment)
        staleness = StalenessTracker(environment, scripts: scripts)
        transfer = RecordTransfer(environment, scripts: scripts)
        let comparison = RecordComparison(
            environment: environment, scripts: scripts, transfer: transfer, staleness: staleness, control: control)
        tasks = [
            HintedHandoff(environment, scripts: scripts, transfer: transfer, control: control),
            AntiEntropy(environment, comparison: comparison, control: control),
            TombstoneGC(environment, scripts: scripts, control: control),
        ]
    }

    func start() {
        guard !control.isRunning else { return }
        control.isRunning = true
        frequentUntilNs = environment.nowNs + Self.frequentForNs
        environment.scheduler.spawn { [self] in await runUntilStopped() }
    }

    func stop() { control.isRunning = false }

    private func runUntilStopped() async {
        while control.isRunning {
            admission.readmitForgotten()
            let rejecting = environment.replicas.rejectingWrites
            await staleness.probe()
            for replica in rejecting.subtracting(environment.replicas.rejectingWrites) {
                transfer.mayArriveAgain(at: replica)
            }
            environment.events?.replicasProbed(status())
            guard control.isRunning else { return }
            for task in tasks { task.startIfDue() }
            let usualNs = environment.settings.background.probeIntervalMs * nsPerMs
            let frequentNs = max(usualNs / 4, min(usualNs, Self.minFrequentIntervalNs))
            let intervalNs = environment.nowNs < frequentUntilNs ? frequentNs : usualNs
            // Random intervals keep instances that were started together from probing at the same moments.
            let jitter = intervalNs / 10
            await environment.scheduler.sleep(
                forNs: environment.scheduler.random(in: intervalNs - jitter...intervalNs + jitter))
        }
    }

    // MARK: Status

    func status() -> [AvailableReplicaStatus] {
        environment.replicas.names.indices.map { replica in
            AvailableReplicaStatus(
                replica, environment.replicas, isSuspected: staleness.isSuspected(replica), nowNs: environment.nowNs)
        }
    }

    // MARK: Connections

    func didConnect(_ replica: Int) {
        frequentUntilNs = environment.nowNs + Self.frequentForNs
        transfer.mayArriveAgain(at: replica)
    }
}

/// Background work that a probe may show to be due.
protocol BackgroundTask: AnyObject {
    /// Starts the work if it is due and not already running.
    func startIfDue()
}

/// State that all background tasks share: whether to continue, the pause between batches, and the holder's name in
/// leases.
final class BackgroundControl {
    var isRunning = false
    private let environment: Environment
    /// Names this instance in leases. Unique: the node's name and random digits.
    private let holder: Bytes

    private static let maxRestNs = 250 * nsPerMs

    init(_ environment: Environment) {
        self.environment = environment
        holder =
            Bytes("\(environment.settings.nodeName):".utf8) + Bytes(hexadecimal: environment.scheduler.randomBits())
    }

    func lease(_ key: Bytes, at replica: Int, durationMs: UInt64) -> Lease {
        Lease(environment, key, at: replica, holder: holder, durationMs: durationMs)
    }

    /// Called at the end of a batch. Sleeps as long as the batch took, within bounds, so that background work uses at
    /// most about half of a replica's time.
    func rest(sinceNs startNs: UInt64) async {
        await environment.scheduler.sleep(forNs: max(nsPerMs, min(environment.nowNs - startNs, Self.maxRestNs)))
    }
}
