import EventLoop
import HTTP
import JSON

/// The page of a running pair. It shows the state of the pair, and performs the actions of its reader.
///
/// Observers of the pair publish their events to ``hub``. ``addObserver(_:)`` registers the events that a new page gets
/// from them first.
final class LabPage {
    /// The same version as in the services' `/health`.
    static let version = "0.2.0"
    static let firstKey = "seat-12A"

    let pair: any ObservedPair
    let settings: PageSettings
    let hub: EventHub
    let answers: AnswerLog
    let series: SeriesRecorder
    let load: LoadGenerator
    let asker: Asker
    /// The token that actions must carry; nil for a read-only page.
    let token: String?
    /// The key whose records the page shows.
    private(set) var key: String
    var onKeyChange: (String) -> Void = { _ in }
    /// Performs an action on links and processes; nil if the page has no such actions.
    let perform: ((ControlRequest) async -> ControlReply)?

    private let startID = Lab.randomName(12)
    private var observers: [() -> [(StaticString, [UInt8])]] = []
    private var server: LabServer?
    private var timer: LoopTimer?
    /// Reads the key for the viewers of a read-only page, which cannot send requests itself.
    private var reader: KeyReader?
    /// The current second of the lab's clock, whose series event has not been published yet.
    private var second: Int64 = 0

    convenience init(_ lab: Lab) {
        self.init(lab, PageSettings(address: PageAddress(port: lab.pagePort), bug: lab.settings.bug)) {
            await lab.handle($0)
        }
    }

    init(
        _ pair: any ObservedPair, _ settings: PageSettings, perform: ((ControlRequest) async -> ControlReply)? = nil
    ) {
        self.pair = pair
        self.settings = settings
        self.perform = perform
        key = settings.firstKey
        token = settings.isReadOnly ? nil : Lab.randomName(32)
        let services = pair.topology.services.map(\.name)
        hub = EventHub(on: pair.reactor)
        answers = AnswerLog(on: pair.reactor, sink: hub)
        series = SeriesRecorder(services: services, sink: hub)
        let asker = Asker(pair, log: answers)
        self.asker = asker
        load = LoadGenerator(services: services, on: pair.reactor) { await asker.send($0, by: .load) }
        answers.onAnswer = { [series] in series.note($0) }
        hub.firstEvents = { [unowned self] in firstEvents }
    }

    /// - Parameter firstEvents: the events that a new page gets from this observer, after `hello`.
    func addObserver(_ firstEvents: @escaping () -> [(StaticString, [UInt8])]) { observers.append(firstEvents) }

    /// Adds an observer of every answer to a request from the page or its load generator. It is called after the
    /// observers that were added before.
    func addAnswerObserver(_ body: @escaping (AnswerEvent) -> Void) {
        answers.onAnswer = { [earlier = answers.onAnswer] event in
            earlier(event)
            body(event)
        }
    }

    /// - Throws: if the page cannot be served, for example because its port is taken.
    func start() throws(LabError) {
        let server = LabServer(self)
        try server.start()
        self.server = server
        hub.start()
        if settings.isReadOnly {
            reader = KeyReader(pair.topology.services.map(\.name), asker, on: pair.reactor) { [unowned self] in
                hub.clientCount > 0 ? key : nil
            }
            reader?.start()
        }
        startEvents()
    }

    /// Starts to publish the events of each second. Works without a server too.
    func startEvents() {
        second = pair.elapsedUs / 1_000_000
        scheduleSecond()
    }

    func stop() {
        timer?.cancel()
        timer = nil
        reader?.stop()
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
        hub.publish("load", load.event(atUs: pair.elapsedUs))
    }

    // MARK: Events

    private func scheduleSecond() {
        let atNs = pair.startNs + UInt64(second + 1) * 1_000 * nsPerMs
        timer = LoopTimer(on: pair.reactor, atNs: atNs) { [weak self] in self?.endSecond() }
    }

    private func endSecond() {
        let timeUs = pair.elapsedUs
        // If the lab was paused, publish the missed seconds as seconds without requests, but at most the last minute.
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
            + [("series", series.lastMinute), ("load", load.event(atUs: pair.elapsedUs))]
    }

    private func writeBug(to json: inout JSONWriter) {
        json.key("bug")
        guard let bug = settings.bug else { return json.null() }
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
        json.thousandths(pair.elapsedUs)
        json.member("readOnly", token == nil)
        json.member("commands", settings.commands.tool.rawValue)
        json.member("program", settings.commands.program)
        json.member("options", settings.commands.options)
        json.member("messages", settings.hasMessages)
        json.member("key", key)
        writeBug(to: &json)
        json.key("durationMs")
        json.null()
        json.key("nodes")
        json.beginArray()
        for node in pair.topology.nodes {
            json.beginObject()
            json.member("name", node.name)
            json.member("group", node.group.rawValue)
            json.member("site", node.site.rawValue)
            json.member("kind", node.isService ? "service" : "replica")
            json.member("port", pair.readersPort(of: node))
            if node.isService {
                json.member("authority", pair.curlTarget(of: node).authorityPath)
                json.member("token", pair.curlTarget(of: node).tokenPath)
            }
            json.endObject()
        }
        json.endArray()
        json.key("links")
        json.beginArray()
        for link in pair.topology.links {
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
