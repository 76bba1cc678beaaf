import EventLoop
import JSON
import Linearizability

/// Whether both services kept their promises in the last operations of the page: the events `verdict`, one per second.
final class Verdict {
    private static let intervalMs: UInt64 = 1_000
    private static let maxExpiringKeys = 10_000

    private let lab: Lab
    private weak var sink: (any EventSink)?
    private let services: [String: Node]
    private var history = KeyedWindow<RegisterOperation>(maxPerKey: 100, maxCount: 1_000)
    /// Keys with values that expire: their histories are not checked, because answers do not tell when they expired.
    private var expiringKeys: Set<String> = []
    private var isHistoryNew = false
    private var isChecking = false
    private var consistency = CPHistory.Result()
    private var changes = APWindow()
    private var delivery = APWindow.Result()
    private var availability = Availability()
    /// The records of the AP replicas, see ``CopyReader/readings``.
    var readings: () -> [String: CopyReader.Reading] = { [:] }
    /// Called with the keys that the page wrote.
    var watch: ([String]) -> Void = { _ in }
    var chosenKey = ""
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: lab.reactor) { [unowned self] in judge() }

    init(_ lab: Lab, _ sink: any EventSink) {
        self.lab = lab
        self.sink = sink
        services = Dictionary(uniqueKeysWithValues: lab.topology.services.map { ($0.name, $0) })
    }

    func start() { repeater.start() }
    func stop() { repeater.stop() }

    func firstEvents() -> [(StaticString, [UInt8])] { [("verdict", event())] }

    func answered(_ answer: AnswerEvent) {
        guard let service = services[answer.service] else { return }
        availability.note(answer)
        switch service.group {
        case .ap: changes.note(answer)
        case .cp:
            if answer.expires { noteExpiry(of: answer.key) }
            guard !expiringKeys.contains(answer.key) else { return }
            let client = lab.topology.services.firstIndex(of: service) ?? 0
            guard let operation = CPHistory.operation(answer, client: client) else { return }
            history.append(operation, key: operation.key)
            isHistoryNew = true
        }
    }

    private func noteExpiry(of key: String) {
        if expiringKeys.count >= Self.maxExpiringKeys { expiringKeys = [] }
        expiringKeys.insert(key)
        history.remove(key)
    }

    // MARK: Judging

    private func judge() {
        watch(changes.watchedKeys(chosen: chosenKey))
        let readings = readings().mapValues { reading in
            APWindow.Reading(
                beganUs: lab.elapsedUs(atNs: reading.beganNs), endedUs: lab.elapsedUs(atNs: reading.endedNs),
                records: reading.records)
        }
        delivery = changes.judge(readings, replicaCount: lab.topology.replicas(of: .ap).count)
        check()
        sink?.publish("verdict", event())
    }

    /// On a thread of its own: a search may take longer than the reactor may wait.
    private func check() {
        guard isHistoryNew, !isChecking else { return }
        isHistoryNew = false
        isChecking = true
        let histories = history.byKey.mapValues { $0.map(\.element) }
        lab.reactor.spawn { [weak self] in
            let result = await Task.detached(priority: .utility) { CPHistory.check(histories) }.value
            self?.consistency = result
            self?.isChecking = false
        }
    }

    // MARK: The event

    private func event() -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginEvent(atUs: lab.elapsedUs)
        json.key("cp")
        json.beginObject()
        json.member("linearizable", consistency.isLinearizable)
        json.member("operations", history.count)
        write(availabilityOf: .cp, to: &json)
        json.member("violation", consistency.violation)
        json.endObject()
        json.key("ap")
        json.beginObject()
        json.member("acknowledged", delivery.acknowledged)
        json.member("lost", delivery.lost)
        json.member("converged", delivery.isConverged)
        json.strings("diverged", delivery.diverged)
        write(availabilityOf: .ap, to: &json)
        json.endObject()
        json.endObject()
        return json.bytes
    }

    private func write(availabilityOf group: GroupName, to json: inout JSONWriter) {
        let nowMs = Double(lab.elapsedUs) / 1_000
        json.key("available")
        json.beginObject()
        for service in lab.topology.services where service.group == group {
            json.dynamicKey(service.site.rawValue)
            if let share = availability.share(of: service.name, atMs: nowMs) {
                json.thousandths(Int64((share * 1_000).rounded(.down)))
            } else {
                json.null()
            }
        }
        json.endObject()
    }
}
