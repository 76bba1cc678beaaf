import EventLoop
import HTTP

/// Sends the requests of the page and its load generator to the services. Reuses connections.
final class Asker {
    /// The most requests of all pages that may wait for the same service.
    static let maxOwn = 32
    /// A request that has no answer after this time counts as unanswered.
    static let timeoutMs: UInt64 = 5_000

    private let pair: any ObservedPair
    private let log: AnswerLog
    /// The idle connections by service. Idle and busy ones together are as many as the most requests that were ever in
    /// flight at once.
    private var idle: [String: [HTTPConnection]] = [:]
    private var ownInFlight: [String: Int] = [:]
    private var isClosed = false

    init(_ pair: any ObservedPair, log: AnswerLog) {
        self.pair = pair
        self.log = log
    }

    /// Sends a request from the page.
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
        guard let service = pair.topology.node(request.service) else { preconditionFailure("no such service") }
        let connection =
            idle[request.service]?.popLast() ?? HTTPConnection(to: pair.address(of: service), on: pair.reactor)
        let id = log.nextID()
        let sentUs = pair.elapsedUs
        let answer = await connection.ask(request.request, timeoutMs: Self.timeoutMs)
        if isClosed { connection.close() } else { idle[request.service, default: []].append(connection) }
        let event = AnswerEvent(
            request, answer, by: origin, id: id, sentUs: sentUs, target: pair.curlTarget(of: service))
        log.answered(event)
        return event
    }

    func close() {
        isClosed = true
        for connection in idle.values.joined() { connection.close() }
        idle = [:]
    }
}
