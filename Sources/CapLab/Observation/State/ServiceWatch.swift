import EventLoop
import FoundationEssentials

/// Polls `/health` and `/metrics` of one service. Waits at most ``timeoutMs`` for each answer.
final class ServiceWatch {
    /// The members of an answer of `/health` that the page shows.
    private struct Health: Decodable {
        struct Check: Decodable {
            let node: String
            let connected: Bool
            let breaker: String
        }

        let checks: [Check]
    }

    private static let timeoutMs: UInt64 = 400
    /// After this many missing answers in a row, the service counts as not ready. A single one does not count: during a
    /// cut, an answer may take longer than the timeout although the service can serve.
    private static let missesUntilUnready = 3

    let node: Node
    private let health: HTTPConnection
    private let metrics: HTTPConnection
    private let reactor: Reactor
    private var isAsking = false
    private var misses = 0
    /// Whether the service is ready. Nil before its first answer, unless it already counts as not ready because answers
    /// are missing.
    private(set) var isReady: Bool?
    private(set) var report = ServiceReport(metrics: "")
    /// Breaker and connection per replica, from the last answer of `/health`.
    private var links: [String: (breaker: String, isConnected: Bool)] = [:]
    /// Called with status and code when the service begins to reject the token of the lab.
    var onRejection: (_ problem: String) -> Void = { _ in }
    private var isRejected = false

    init(_ node: Node, at address: NodeAddress, on reactor: Reactor) {
        self.node = node
        self.reactor = reactor
        health = HTTPConnection(to: address, on: reactor)
        metrics = HTTPConnection(to: address, on: reactor)
    }

    func close() {
        health.close()
        metrics.close()
    }

    /// - Parameter canAnswer: false if the service certainly cannot answer. Then it is not asked.
    func poll(canAnswer: Bool) {
        guard canAnswer else { return forget() }
        guard !isAsking else { return }
        isAsking = true
        let asking = TaskBundle(on: reactor)
        asking.add { [self] in note(health: await health.ask(HTTPRequest(path: "/health"), timeoutMs: Self.timeoutMs)) }
        asking.add { [self] in
            let answer = await metrics.ask(HTTPRequest(path: "/metrics"), timeoutMs: Self.timeoutMs)
            if answer.status == 200 { report = ServiceReport(metrics: answer.body) }
        }
        reactor.spawn { [self] in
            await asking.ended()
            isAsking = false
        }
    }

    /// True if the last ``missesUntilUnready`` requests had no answer.
    var isSilent: Bool { misses >= Self.missesUntilUnready }

    /// True if the service can use the replica, which is named as in `REPLICAS`. Nil if that is unknown, or while a
    /// half-open breaker tests the replica.
    func reaches(_ replica: String) -> Bool? {
        guard !isSilent, let link = link(to: replica) else { return nil }
        if !link.isConnected || link.breaker == "open" { return false }
        return link.breaker == "closed" ? true : nil
    }

    /// Breaker and connection to a replica, which is named as in `REPLICAS`; nil before the first answer.
    func link(to replica: String) -> (breaker: String, isConnected: Bool)? {
        // If `/health` was late, the metrics are newer. But they do not show whether a replica with an open breaker is
        // connected.
        guard let known = report.replicas[replica] else { return links[replica] }
        let breaker = ["closed", "half_open", "open"][max(0, min(known.breaker, 2))]
        let isConnected = known.isUp || (known.breaker != 0 && links[replica]?.isConnected == true)
        return (breaker, isConnected)
    }

    private func note(health answer: Answer) {
        switch answer.status {
        case 401, 403:
            // The service answers, but its state is unknown.
            (misses, isReady) = (0, nil)
            if !isRejected { onRejection("\(answer.status) \(answer.code ?? "")") }
            isRejected = true
        case 200, 503:
            (misses, isRejected) = (0, false)
            isReady = answer.status == 200
            guard let body = try? JSONDecoder().decode(Health.self, from: Data(answer.body.utf8)) else { return }
            links = Dictionary(body.checks.map { ($0.node, ($0.breaker, $0.connected)) }) { $1 }
        default:
            misses += 1
            if isSilent { isReady = false }
        }
    }

    private func forget() {
        isReady = false
        misses = 0
        forgetReport()
    }

    /// Forgets what the service reported, because it may be outdated.
    func forgetReport() {
        report = ServiceReport(metrics: "")
        links = [:]
    }
}
