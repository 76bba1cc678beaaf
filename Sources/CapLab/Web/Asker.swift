import EventLoop
import HTTP

/// Sends requests of the page and its load to the services, each on a connection that it reuses.
final class Asker {
    /// Requests of all pages to one service that wait for their answer.
    static let maxOwn = 32
    /// After this long a request counts as unanswered.
    static let timeoutMs: UInt64 = 5_000

    private let lab: Lab
    private let log: AnswerLog
    /// By service. There are at most as many as requests that ever waited at once.
    private var idle: [String: [HTTPConnection]] = [:]
    private var ownInFlight: [String: Int] = [:]
    private var isClosed = false

    init(_ lab: Lab, log: AnswerLog) {
        self.lab = lab
        self.log = log
    }

    /// A request of the page.
    /// - Throws: 503 `overloaded`.
    func ask(_ request: AskRequest) async throws(Problem) -> AnswerEvent {
        guard ownInFlight[request.service, default: 0] < Self.maxOwn else {
            throw .unavailable("overloaded", "\(Self.maxOwn) requests wait for answers of \(request.service)")
        }
        ownInFlight[request.service, default: 0] += 1
        defer { ownInFlight[request.service, default: 0] -= 1 }
        return await send(request, by: .page)
    }

    @discardableResult
    func send(_ request: AskRequest, by origin: AnswerEvent.Origin) async -> AnswerEvent {
        let port = lab.ports[request.service] ?? 0
        let connection = idle[request.service]?.popLast() ?? HTTPConnection(port: port, on: lab.reactor)
        let id = log.nextID()
        let sentUs = lab.elapsedUs
        let answer = await connection.ask(request.request, timeoutMs: Self.timeoutMs)
        if isClosed { connection.close() } else { idle[request.service, default: []].append(connection) }
        let event = AnswerEvent(request, answer, by: origin, id: id, sentUs: sentUs, port: port)
        log.answered(event)
        return event
    }

    func close() {
        isClosed = true
        for connection in idle.values.joined() { connection.close() }
        idle = [:]
    }
}
