import EventLoop
import HTTP
import JSON

/// The page of a running lab: shows what happens, and does what its reader asks.
///
/// Others observe the lab and publish to ``hub``; ``addObserver(_:)`` tells what a new page gets from them first.
final class LabPage {
    /// As in the services' `/health`.
    static let version = "0.2.0"
    static let firstKey = "seat-12A"

    let lab: Lab
    let hub: EventHub
    let answers: AnswerLog
    let series: SeriesRecorder
    let load: LoadGenerator
    let asker: Asker
    /// The token of actions; nil: read-only.
    let token: String?
    /// The key whose copies are shown.
    private(set) var key = LabPage.firstKey
    var onKeyChange: (String) -> Void = { _ in }

    private let startID = Lab.randomName(12)
    private var observers: [() -> [(StaticString, [UInt8])]] = []
    private var server: LabServer?
    private var timer: LoopTimer?
    /// The second of the lab's clock that has not ended yet.
    private var second: Int64 = 0

    init(_ lab: Lab, isReadOnly: Bool = false) {
        self.lab = lab
        token = isReadOnly ? nil : Lab.randomName(32)
        let services = lab.topology.services.map(\.name)
        hub = EventHub(on: lab.reactor)
        answers = AnswerLog(on: lab.reactor, sink: hub)
        series = SeriesRecorder(services: services, sink: hub)
        let asker = Asker(lab, log: answers)
        self.asker = asker
        load = LoadGenerator(services: services, on: lab.reactor) { await asker.send($0, by: .load) }
        answers.onAnswer = { [series] in series.note($0) }
        hub.firstEvents = { [unowned self] in firstEvents }
    }

    /// - Parameter firstEvents: what a new page gets before anything else, after `hello`.
    func addObserver(_ firstEvents: @escaping () -> [(StaticString, [UInt8])]) { observers.append(firstEvents) }

    /// Calls `body` for every answer to the page and its load, besides the series.
    func addAnswerObserver(_ body: @escaping (AnswerEvent) -> Void) {
        answers.onAnswer = { [earlier = answers.onAnswer] event in
            earlier(event)
            body(event)
        }
    }

    /// - Throws: if the port is taken.
    func start() throws(LabError) {
        let server = LabServer(self, port: lab.pagePort)
        try server.start()
        self.server = server
        hub.start()
        startEvents()
    }

    /// Publishes the events of each second, also without a server.
    func startEvents() {
        second = lab.elapsedUs / 1_000_000
        scheduleSecond()
    }

    func stop() {
        timer?.cancel()
        timer = nil
        load.stop()
        hub.stop()
        server?.stop()
        asker.close()
    }

    // MARK: Actions

    func choose(key: String) {
        self.key = key
        onKeyChange(key)
        hub.publish("hello", hello)
    }

    func apply(_ plan: LoadPlan) {
        load.apply(plan)
        hub.publish("load", load.event(atUs: lab.elapsedUs))
    }

    // MARK: Events

    private func scheduleSecond() {
        let atNs = lab.startNs + UInt64(second + 1) * 1_000 * nsPerMs
        timer = LoopTimer(on: lab.reactor, atNs: atNs) { [weak self] in self?.endSecond() }
    }

    private func endSecond() {
        let timeUs = lab.elapsedUs
        // After a pause of the lab: seconds without requests, and none twice.
        second = max(second, timeUs / 1_000_000 - Int64(SeriesRecorder.keptSeconds))
        while (second + 1) * 1_000_000 <= timeUs {
            series.endSecond(second, atUs: timeUs)
            second += 1
        }
        scheduleSecond()
        if load.isRunning { hub.publish("load", load.event(atUs: timeUs)) }
    }

    var firstEvents: [(StaticString, [UInt8])] {
        [("hello", hello)] + observers.flatMap { $0() }
            + [("series", series.lastMinute), ("load", load.event(atUs: lab.elapsedUs))]
    }

    private func writeBug(to json: inout JSONWriter) {
        json.key("bug")
        guard let bug = lab.settings.bug else { return json.null() }
        json.beginObject()
        json.member("name", bug.rawValue)
        json.member("service", bug.service)
        json.member("text", bug.summary)
        json.endObject()
    }

    private var hello: [UInt8] {
        var json = JSONWriter(capacity: 2_048)
        json.beginObject()
        json.member("start", startID)
        json.member("version", Self.version)
        json.key("tMs")
        json.thousandths(lab.elapsedUs)
        json.member("readOnly", token == nil)
        json.member("key", key)
        writeBug(to: &json)
        json.key("durationMs")
        json.null()
        json.key("nodes")
        json.beginArray()
        for node in lab.topology.nodes {
            json.beginObject()
            json.member("name", node.name)
            json.member("group", node.group.rawValue)
            json.member("site", node.site.rawValue)
            json.member("kind", node.isService ? "service" : "replica")
            json.member("port", lab.ports[node.name] ?? 0)
            json.endObject()
        }
        json.endArray()
        json.key("links")
        json.beginArray()
        for link in lab.topology.links {
            json.beginObject()
            json.member("id", link.id)
            json.member("service", link.service)
            json.member("replica", link.replica)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }
}
