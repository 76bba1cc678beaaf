import EventLoop
import HTTP

/// Sends the events of the lab to every open page (Server-Sent Events).
///
/// A page that reads too slowly is disconnected. Its browser connects again and gets the complete current state. It
/// misses only the events in between.
final class EventHub: EventSink {
    static let maxClients = 16
    /// The size of each client's buffer. It is larger than all events of one second at full load.
    static let bufferBytes = 1 << 20
    /// The longest time in which nothing is sent. If there is no event, a comment line shows that the connection is
    /// alive.
    private static let heartbeatMs: UInt64 = 5_000
    /// How long a browser waits before it connects again, in milliseconds.
    private static let retryMs = 1_000

    /// The events that a new client gets first.
    var firstEvents: () -> [(StaticString, [UInt8])] = { [] }

    /// A receiver in this process that gets every event, as a page does.
    weak var recorder: (any EventSink)?

    private let scheduler: any Scheduler
    private var clients: [ResponseStream] = []
    private var sentNs: UInt64 = 0
    private var heartbeat: LoopTimer?

    init(on scheduler: any Scheduler) { self.scheduler = scheduler }

    var clientCount: Int { clients.count }
    var viewerCount: Int { clients.count + (recorder == nil ? 0 : 1) }

    func start() {
        guard heartbeat == nil else { return }
        scheduleHeartbeat()
    }

    /// Ends the connections of all clients.
    func stop() {
        heartbeat?.cancel()
        heartbeat = nil
        for client in clients { client.close() }
    }

    /// Registers a new client and returns the response to it, a stream of events.
    /// - Throws: 503 `too_many_viewers`.
    func connect() throws(Problem) -> Response {
        guard clients.count < Self.maxClients else {
            throw Problem.unavailable(
                "too_many_viewers", "the page is open \(Self.maxClients) times already; close one and try again")
        }
        let client = ResponseStream(capacityBytes: Self.bufferBytes)
        client.onClose = { [weak self, unowned client] in self?.clients.removeAll { $0 === client } }
        clients.append(client)
        client.write(Array("retry: \(Self.retryMs)\n\n".utf8))
        for (name, json) in firstEvents() { client.write(Self.event(name, json)) }
        var response = Response(contentType: "text/event-stream")
        response.stream = client
        return response
    }

    func publish(_ name: StaticString, _ json: [UInt8]) {
        recorder?.publish(name, json)
        guard !clients.isEmpty else { return }
        send(Self.event(name, json))
    }

    private func send(_ bytes: [UInt8]) {
        sentNs = scheduler.nowNs
        for client in clients { client.write(bytes) }
    }

    /// - Parameter json: one line of JSON. A line feed at its end is removed.
    static func event(_ name: StaticString, _ json: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(json.count + 32)
        bytes += "event: ".utf8
        bytes += UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        bytes += "\ndata: ".utf8
        let lineFeed = UInt8(ascii: "\n")
        bytes += json.last == lineFeed ? json.dropLast() : json[...]
        assert(!json.dropLast().contains(lineFeed), "a line feed would end the event")
        bytes += "\n\n".utf8
        return bytes
    }

    private func scheduleHeartbeat() {
        // The timer runs at half of the interval. So the time between two sends is never longer than the interval.
        let atNs = scheduler.nowNs + Self.heartbeatMs / 2 * nsPerMs
        heartbeat = LoopTimer(on: scheduler, atNs: atNs) { [weak self] in
            guard let self else { return }
            if scheduler.nowNs >= sentNs + Self.heartbeatMs / 2 * nsPerMs { send(Array(":\n\n".utf8)) }
            scheduleHeartbeat()
        }
    }
}
