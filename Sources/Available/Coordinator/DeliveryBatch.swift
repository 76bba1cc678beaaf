import EventLoop
import Replication

/// The records that one coordinator stored in one turn of the event loop, sent to each other replica in one call.
final class DeliveryBatch: ReplySink, Expirable {
    private let environment: Environment
    private let scripts: ScriptClient
    private let acknowledgements: HintAcknowledgements
    private let coordinator: Int
    /// The clocks as known at `startNs`, before the first of these records was written.
    private let clocks: ClockTable
    private let startNs: UInt64

    private struct Entry {
        let key: Bytes
        let vector: Bytes
        let hlc: UInt64
        let wait: AcknowledgementWait?
    }
    private var entries: [Entry] = []
    /// The arguments of `merge` for all records; released once sent.
    private var arguments: [Bytes] = []
    private var byteCount = 0
    private var outstanding: ReplicaSet = []
    /// Replicas that have stored the records, but whose hints have not been removed yet.
    private var delivered: ReplicaSet = []
    private var isLingering = false

    private static let maxRecords = 64
    private static let maxBytes = 256 * 1_024
    /// How long the hints for one replica wait to be removed, so that one call also removes those for the others.
    private static let lingerNs = 20 * nsPerMs

    init(
        _ environment: Environment, scripts: ScriptClient, acknowledgements: HintAcknowledgements, coordinator: Int,
        clocks: ClockTable, startNs: UInt64
    ) {
        self.environment = environment
        self.scripts = scripts
        self.acknowledgements = acknowledgements
        self.coordinator = coordinator
        self.clocks = clocks
        self.startNs = startNs
    }

    /// True if a record of a write that began at `startNs` may be sent with the clocks and deadline fence of this
    /// batch.
    func accepts(_ clocks: ClockTable, startNs: UInt64) -> Bool {
        clocks.generation == self.clocks.generation && startNs >= self.startNs && entries.count < Self.maxRecords
            && byteCount < Self.maxBytes
    }

    func add(_ record: CarriedRecord, hlc: UInt64, wait: AcknowledgementWait?) {
        precondition(outstanding.isEmpty, "a batch that was sent is complete")
        entries.append(Entry(key: record.key, vector: record.vector, hlc: hlc, wait: wait))
        record.append(to: &arguments)
        byteCount += record.byteCount
    }

    func send() {
        var targets: ReplicaSet = []
        for replica in environment.group.available.subtracting([coordinator]) where clocks[replica] != nil {
            targets.insert(replica)
        }
        if !targets.isEmpty {
            let command = MergeCommand.make(
                keys: keys, arguments: arguments, clocks: clocks, startNs: startNs, settings: environment.settings)
            outstanding = environment.group.send(command, to: targets, sink: self).sent
        }
        arguments = []
        if outstanding.isEmpty { endWaits() }
    }

    private var keys: [Bytes] { entries.map(\.key) }

    // MARK: ReplySink

    func receive(_ reply: Reply?, from replica: Int) {
        precondition(outstanding.contains(replica), "a replica answers a delivery once")
        outstanding.remove(replica)
        switch scripts.mergeResult(reply, from: replica, keys: keys) {
        case .merged:
            for entry in entries { entry.wait?.stored(at: replica) }
            delivered.insert(replica)
        case .mergedExcept(let foreign, let leftOut):
            let missing = foreign.union(leftOut)
            for (position, entry) in entries.enumerated() where !missing.contains(position) {
                entry.wait?.stored(at: replica)
            }
            acknowledge([replica], except: missing)
        case .failed: break
        }
        if outstanding.isEmpty { endWaits() }
        // Once the first replica has merged, its hints stay up to 20 ms longer. One call then removes them together
        // with those for the next replica. No client waits for this. Hints for later replicas are removed at once.
        if outstanding.isEmpty || isLingering {
            acknowledgeDelivered()
        } else if !delivered.isEmpty {
            isLingering = true
            environment.scheduler.schedule(self, atNs: environment.nowNs + Self.lingerNs)
        }
    }

    private func endWaits() {
        for entry in entries { entry.wait?.end() }
    }

    private func acknowledgeDelivered() {
        guard !delivered.isEmpty else { return }
        acknowledge(delivered, except: [])
        delivered = []
    }

    private func acknowledge(_ peers: ReplicaSet, except missing: Set<Int>) {
        guard let incarnation = clocks[coordinator]?.incarnation else { return }
        for (position, entry) in entries.enumerated() where !missing.contains(position) {
            acknowledgements.add(
                owner: coordinator, incarnation: incarnation, peers: peers, key: entry.key,
                vector: entry.vector, hlc: entry.hlc)
        }
    }

    // MARK: Expirable

    var isSettled: Bool { delivered.isEmpty }

    func expire() { acknowledgeDelivered() }
}
