import EventLoop
import JSON
import Linearizability

/// Judges whether both services kept their guarantees in the page's last operations. Publishes one event `verdict` per
/// second.
final class Verdict {
    private static let intervalMs: UInt64 = 1_000
    private static let maxExpiringKeys = 10_000
    /// How many operations are kept for each store, in all and per key.
    static let maxOperations = 1_000
    static let maxOperationsPerKey = 100

    /// The state of the check of `app-cp`'s history.
    private struct Progress {
        var isHistoryNew = false
        var isChecking = false
        var consistency = CPHistory.Result()
    }

    private let lab: any ObservedPair
    private weak var sink: (any EventSink)?
    private let services: [String: Node]
    private var history = KeyedWindow<RegisterOperation>(
        maxPerKey: Verdict.maxOperationsPerKey, maxCount: Verdict.maxOperations)
    /// Keys with values that expire. Their histories are not checked, because answers do not show when the values
    /// expired.
    private var expiringKeys: Set<String> = []
    private var progress = Progress()
    private var changes = APWindow()
    private var delivery = APWindow.Result()
    private var availability = Availability()
    private var violations = ViolationLog()
    /// The records of the AP replicas, see ``CopyReader/readings``.
    var readings: () -> [String: CopyReader.Reading] = { [:] }
    /// Called with the keys that the page has written.
    var watch: ([String]) -> Void = { _ in }
    var chosenKey = ""
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: lab.reactor) { [unowned self] in judge() }

    init(_ lab: any ObservedPair, _ sink: any EventSink) {
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
            progress.isHistoryNew = true
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
        let before = delivery.violations
        delivery = changes.judge(readings, replicaCount: lab.topology.replicas(of: .ap).count)
        // A lost write must be found in two checks, because it could be moving from one replica to another in the
        // first.
        let lost = delivery.violations.filter { lost in before.contains { $0.isSame(as: lost) } }
        violations.note(progress.consistency.violations + lost, atUs: lab.elapsedUs)
        check()
        sink?.publish("verdict", event())
    }

    /// Runs on a separate thread, because the search may take longer than the reactor may wait.
    private func check() {
        guard progress.isHistoryNew, !progress.isChecking else { return }
        progress.isHistoryNew = false
        progress.isChecking = true
        let histories = history.byKey.mapValues { $0.map(\.element) }
        let services = lab.topology.services
        lab.reactor.spawn { [weak self] in
            let check = Task.detached(priority: .utility) { CPHistory.check(histories, services: services) }
            let result = await check.value
            self?.progress.consistency = result
            self?.progress.isChecking = false
        }
    }

    // MARK: The event

    private func event() -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginEvent(atUs: lab.elapsedUs)
        json.key("window")
        json.beginObject()
        json.member("operations", Self.maxOperations)
        json.member("perKey", Self.maxOperationsPerKey)
        json.endObject()
        json.key("cp")
        json.beginObject()
        json.member("linearizable", progress.consistency.isLinearizable)
        json.member("operations", history.count)
        write(availabilityOf: .cp, to: &json)
        json.member("violation", progress.consistency.violation)
        json.endObject()
        json.key("ap")
        json.beginObject()
        json.member("acknowledged", delivery.acknowledged)
        json.member("lost", delivery.lost)
        json.member("converged", delivery.isConverged)
        json.strings("diverged", delivery.diverged)
        json.member("divergedCount", delivery.divergedCount)
        json.strings("inConflict", delivery.inConflict)
        write(availabilityOf: .ap, to: &json)
        json.endObject()
        violations.write(to: &json)
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
