import EventLoop

/// Drives the background work: a staleness probe, then whatever the probe shows to be due.
final class BackgroundLoop {
    private let environment: Environment
    private let admission: Admission
    private let replicas: ReplicaTable
    private let staleness: StalenessTracker
    private let transfer: RecordTransfer
    private let tasks: [any BackgroundTask]
    private let pace: BackgroundPace

    /// - Parameter tasks: in the order in which they are started after each probe.
    init(
        _ environment: Environment, replicas: ReplicaTable, admission: Admission, staleness: StalenessTracker,
        transfer: RecordTransfer, pace: BackgroundPace, tasks: [any BackgroundTask]
    ) {
        self.environment = environment
        self.replicas = replicas
        self.admission = admission
        self.staleness = staleness
        self.transfer = transfer
        self.pace = pace
        self.tasks = tasks
    }

    func start() {
        guard !pace.isRunning else { return }
        pace.isRunning = true
        environment.scheduler.spawn { [self] in await runUntilStopped() }
    }

    func stop() { pace.isRunning = false }

    private func runUntilStopped() async {
        let intervalNs = environment.settings.probeIntervalMs * nsPerMs
        while pace.isRunning {
            admission.readmitForgotten()
            await staleness.probe()
            reportStatus()
            guard pace.isRunning else { return }
            for task in tasks { task.startIfDue() }
            // Instances that were started together should not stay in step.
            let jitter = intervalNs / 10
            await environment.scheduler.sleep(
                forNs: environment.scheduler.random(in: intervalNs - jitter...intervalNs + jitter))
        }
    }

    // MARK: Status

    func status() -> [AvailableReplicaStatus] {
        replicas.names.indices.map { replica in
            AvailableReplicaStatus(
                replica, replicas, refusal: admission.refusal(of: replica),
                isSuspected: staleness.isSuspected(replica), nowNs: environment.nowNs)
        }
    }

    private func reportStatus() {
        guard let events = environment.events else { return }
        events.replicasProbed(status())
    }

    // MARK: Connections

    func didConnect(_ replica: Int) { transfer.didConnect(replica) }

    func didDisconnect(_ replica: Int) {
        guard pace.isRunning else { return }
        staleness.didDisconnect(replica)
    }
}

/// Work that a probe may show to be due.
protocol BackgroundTask: AnyObject {
    /// Starts the work if it is due and not running already.
    func startIfDue()
}

/// Whether background work may continue, and how fast.
final class BackgroundPace {
    var isRunning = false
    private let scheduler: any Scheduler

    private static let maxRestNs = 250 * nsPerMs

    init(scheduler: any Scheduler) { self.scheduler = scheduler }

    /// Sleeps as long as the last batch took, so that background work uses at most half of a replica's time.
    func rest(sinceNs startNs: UInt64) async {
        await scheduler.sleep(forNs: max(nsPerMs, min(scheduler.nowNs - startNs, Self.maxRestNs)))
    }
}
