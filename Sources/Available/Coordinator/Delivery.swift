import EventLoop
import Replication

/// Sends changed records from their coordinator to the other replicas. Records of one coordinator and one turn of the
/// event loop share a call. All writes use this path; with `AP_WRITE_ACKS=1` no client waits for it. A record that does
/// not arrive is delivered later, because of its hint.
final class Delivery {
    private let environment: Environment
    private let scripts: ScriptClient
    private let acknowledgements: HintAcknowledgements
    /// By coordinator: the batch that this turn of the event loop fills.
    private var open: [DeliveryBatch?]
    private var isArmed = false

    init(_ environment: Environment, scripts: ScriptClient) {
        self.environment = environment
        self.scripts = scripts
        acknowledgements = HintAcknowledgements(environment)
        open = environment.replicas.names.map { _ in nil }
    }

    /// Sends `record` to the other replicas at the end of this turn of the event loop.
    ///
    /// - Parameters:
    ///   - hlc: `cap:hlc` after the script run that wrote the record.
    ///   - clocks: as known at `startNs`, before the record was written. Newer readings would extend the deadline fence
    ///     (rule A5).
    ///   - wait: gets each replica that stored the record.
    func deliver(
        _ record: CarriedRecord, hlc: UInt64, from coordinator: Int, clocks: ClockTable, startNs: UInt64,
        wait: AcknowledgementWait? = nil
    ) {
        precondition(clocks[coordinator] != nil, "the coordinator was admitted when the change began")
        if let batch = open[coordinator], !batch.accepts(clocks, startNs: startNs) {
            open[coordinator] = nil
            batch.send()
        }
        let batch =
            open[coordinator]
            ?? DeliveryBatch(
                environment, scripts: scripts, acknowledgements: acknowledgements, coordinator: coordinator,
                clocks: clocks, startNs: startNs)
        open[coordinator] = batch
        batch.add(record, hlc: hlc, wait: wait)
        guard !isArmed else { return }
        isArmed = true
        environment.scheduler.atEndOfTurn { [self] in sendAll() }
    }

    private func sendAll() {
        isArmed = false
        for coordinator in open.indices { open[coordinator].take()?.send() }
    }
}

/// The wait of one change until enough replicas have stored it.
final class AcknowledgementWait: Expirable {
    /// Replicas that have stored the change, including its coordinator.
    private(set) var replicas: ReplicaSet
    private let needed: Int
    private var isOver = false
    private var continuation: UnsafeContinuation<Void, Never>?

    /// - Parameter needed: how many replicas must store the change, including the coordinator.
    init(coordinator: Int, needed: Int) {
        replicas = [coordinator]
        self.needed = needed
    }

    var isEnough: Bool { replicas.count >= needed }

    func stored(at replica: Int) {
        precondition(!replicas.contains(replica), "a replica acknowledges a change once")
        replicas.insert(replica)
        if isEnough { resume() }
    }

    /// No further replica will acknowledge: ends the wait.
    func end() {
        isOver = true
        resume()
    }

    /// Suspends until enough replicas have stored the change, no further one can, or `deadlineNs` has passed.
    func wait(_ scheduler: any Scheduler, untilNs deadlineNs: UInt64) async {
        guard !isEnough, !isOver, scheduler.nowNs < deadlineNs else { return }
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            self.continuation = continuation
            scheduler.schedule(self, atNs: deadlineNs)
        }
    }

    private func resume() { continuation.take()?.resume() }

    // MARK: Expirable

    var isSettled: Bool { continuation == nil }

    func expire() { resume() }
}
