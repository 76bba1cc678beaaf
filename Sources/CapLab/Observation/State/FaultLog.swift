import EventLoop
import JSON

/// The active faults and those that ended in the last minute, published as the events `faults`.
final class FaultLog {
    struct Entry: Equatable {
        let id: Int
        let fault: FaultDetector.Fault
        let fromUs: Int64
        /// When the fault ended; nil if it continues.
        var toUs: Int64?
    }

    private static let intervalMs: UInt64 = 100
    private static let keptUs: Int64 = 60_000_000
    private static let maxEntries = 200

    private let pair: any ObservedPair
    private weak var sink: (any EventSink)?
    private let detector: FaultDetector
    private(set) var entries: [Entry] = []
    private var lastId = 0
    /// Called with the time, in microseconds on the lab's clock, when a fault begins, ends or changes.
    var onChange: (Int64) -> Void = { _ in }
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: pair.reactor) { [unowned self] in update() }

    init(_ pair: any ObservedPair, _ sink: any EventSink) {
        self.pair = pair
        self.sink = sink
        detector = FaultDetector(pair.topology, knowsDirections: pair.knowsDirections)
    }

    func start() { repeater.start() }
    func stop() { repeater.stop() }

    func firstEvents() -> [(StaticString, [UInt8])] { [("faults", event())] }

    private func update() {
        let topology = pair.topology
        let links = Dictionary(uniqueKeysWithValues: topology.links.map { ($0, pair.fault(of: $0)) })
        let conditions = Dictionary(uniqueKeysWithValues: topology.nodes.map { ($0.name, pair.condition(of: $0)) })
        let faults = detector.faults(links, conditions)
        let nowUs = pair.elapsedUs
        guard note(faults, atUs: nowUs) else { return }
        sink?.publish("faults", event())
        onChange(nowUs)
    }

    /// - Returns: true if any fault began, ended or changed its delay.
    func note(_ faults: [FaultDetector.Fault], atUs timeUs: Int64) -> Bool {
        var isChanged = false
        for index in entries.indices where entries[index].toUs == nil {
            // A fault whose delay has changed counts as another fault, which begins now.
            guard !faults.contains(entries[index].fault) else { continue }
            entries[index].toUs = timeUs
            isChanged = true
        }
        for fault in faults where !entries.contains(where: { $0.toUs == nil && $0.fault == fault }) {
            lastId += 1
            entries.append(Entry(id: lastId, fault: fault, fromUs: timeUs))
            isChanged = true
        }
        entries.removeAll { $0.toUs.map { $0 < timeUs - Self.keptUs } ?? false }
        if entries.count > Self.maxEntries { entries.removeFirst(entries.count - Self.maxEntries) }
        return isChanged
    }

    private func event() -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginEvent(atUs: pair.elapsedUs)
        json.key("faults")
        json.beginArray()
        for entry in entries {
            json.beginObject()
            json.member("id", entry.id)
            json.member("label", entry.fault.label)
            json.member("kind", entry.fault.kind.rawValue)
            json.member("target", entry.fault.target)
            json.key("fromMs")
            json.thousandths(entry.fromUs)
            json.key("toMs")
            if let toUs = entry.toUs { json.thousandths(toUs) } else { json.null() }
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }
}
