import EventLoop
import JSON
import Linearizability

/// Judges whether both services kept their guarantees in the last operations of the page and its load generator.
/// Publishes one event `verdict` per second.
final class Verdict {
    private static let intervalMs: UInt64 = 1_000
    /// The most operations that are kept for each store, in total and per key.
    static let maxOperations = 1_000
    static let maxOperationsPerKey = 100

    private let lab: any ObservedPair
    private weak var sink: (any EventSink)?
    /// Has the chosen key, and reads the records of the AP replicas.
    private let copies: CopyReader
    private let services: [String: Node]
    private var operations = CPWindow()
    private var changes = APWindow()
    private var delivery = APWindow.Result()
    private var availability = Availability()
    private var violations = ViolationLog()
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: lab.reactor) { [unowned self] in judge() }

    init(_ lab: any ObservedPair, _ copies: CopyReader, _ sink: any EventSink) {
        self.lab = lab
        self.copies = copies
        self.sink = sink
        services = Dictionary(uniqueKeysWithValues: lab.topology.services.map { ($0.name, $0) })
    }

    func start() { repeater.start() }
    func stop() { repeater.stop() }

    func firstEvents() -> [(StaticString, [UInt8])] { [("verdict", event())] }

    func answered(_ answer: AnswerEvent) {
        guard let service = services[answer.request.service] else { return }
        availability.note(answer)
        switch service.group {
        case .ap: changes.note(answer)
        case .cp: operations.note(answer, client: lab.topology.services.firstIndex(of: service) ?? 0)
        }
    }

    /// - Parameter timeUs: when a fault began, ended or changed, in microseconds on the lab's clock.
    func faultsChanged(atUs timeUs: Int64) { availability.faultsChanged(atMs: Double(timeUs) / 1_000) }

    // MARK: Judging

    private func judge() {
        copies.watchedKeys = changes.watchedKeys(chosen: copies.key)
        let readings = copies.readings.mapValues { reading in
            APWindow.Reading(
                beganUs: lab.elapsedUs(atNs: reading.beganNs), endedUs: lab.elapsedUs(atNs: reading.endedNs),
                records: reading.records)
        }
        let before = delivery.violations
        delivery = changes.judge(readings, replicaCount: lab.topology.replicas(of: .ap).count)
        // Report a lost write only if two checks in a row find it: in the first check, the write may have been on its
        // way between replicas.
        let lost = delivery.violations.filter { lost in before.contains { $0.isSame(as: lost) } }
        violations.note(operations.result.violations + lost, atUs: lab.elapsedUs)
        check()
        sink?.publish("verdict", event())
    }

    /// Checks the history of `app-cp` on another thread, because the search may take longer than the reactor may wait.
    private func check() {
        guard let histories = operations.beginCheck() else { return }
        let services = lab.topology.services
        lab.reactor.spawn { [weak self] in
            let check = Task.detached(priority: .utility) { CPHistory.check(histories, services: services) }
            let result = await check.value
            self?.operations.endCheck(result)
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
        json.milliseconds("faultsChangedMs", availability.changedMs(atMs: Double(lab.elapsedUs) / 1_000))
        json.endObject()
        json.key("cp")
        json.beginObject()
        json.member("linearizable", operations.result.isLinearizable)
        json.member("operations", operations.count)
        write(availabilityOf: .cp, to: &json)
        json.member("violation", operations.result.violation)
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
