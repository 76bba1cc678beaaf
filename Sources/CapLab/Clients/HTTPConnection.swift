import EventLoop
import Glibc
import TLS

/// One HTTP request, as it is sent.
struct HTTPRequest {
    var method = "GET"
    var path: String
    var headers: [(name: String, value: String)] = []

    /// - Parameter token: a bearer token; nil for none.
    func bytes(token: String?) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if let token { head += "Authorization: Bearer \(token)\r\n" }
        for header in headers { head += "\(header.name): \(header.value)\r\n" }
        if method == "POST" { head += "Content-Length: 0\r\n" }
        return Array((head + "\r\n").utf8)
    }
}

/// A client's HTTP/1.1 connection to one service. It sends one request at a time. If the connection was lost, the next
/// request opens a new one.
final class HTTPConnection: DescriptorHandler {
    private static let maxAnswerBytes = 4 << 20

    private let connector: Connector
    private let address: NodeAddress
    private let reactor: Reactor
    private var descriptor: Int32 = -1
    /// Nil without TLS, and before the handshake.
    private var session: TLSClientSession?
    /// The request that waits until the connection is established.
    private var unsent: [UInt8]?
    private var hasSent = false
    private var received: [UInt8] = []
    private var continuation: UnsafeContinuation<Answer, Never>?
    private var timer: LoopTimer?
    private var startNs: UInt64 = 0

    init(to address: NodeAddress, on reactor: Reactor) {
        connector = Connector(address, on: reactor)
        self.address = address
        self.reactor = reactor
    }

    /// A connection to a service on loopback.
    convenience init(port: UInt16, on reactor: Reactor) { self.init(to: .loopback(port), on: reactor) }

    /// Sends one request on a new connection, then closes the connection.
    static func ask(
        _ request: HTTPRequest, at address: NodeAddress, timeoutMs: UInt64, on reactor: Reactor
    ) async -> Answer {
        let connection = HTTPConnection(to: address, on: reactor)
        defer { connection.close() }
        return await connection.ask(request, timeoutMs: timeoutMs)
    }

    /// - Parameter timeoutMs: time after which the request counts as unanswered, and the connection is closed.
    func ask(_ request: HTTPRequest, timeoutMs: UInt64) async -> Answer {
        precondition(continuation == nil, "one request at a time")
        received.removeAll(keepingCapacity: true)
        hasSent = false
        startNs = monotonicNs()
        let isConnected = descriptor >= 0
        if !isConnected {
            guard let fresh = await connector.connect(timeoutMs: timeoutMs) else { return .missing(isSent: false) }
            descriptor = fresh
        }
        return await withUnsafeContinuation { continuation in
            self.continuation = continuation
            timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ timeoutMs * nsPerMs) { [weak self] in self?.close() }
            let bytes = request.bytes(token: address.token?.value)
            guard !isConnected else { return send(bytes) }
            unsent = bytes
            reactor.watch(descriptor, events: EventMask.writable, handler: self)
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        disconnect()
        finish(.missing(isSent: hasSent, tookMs: Double(monotonicNs() - startNs) / Double(nsPerMs)))
    }

    private func disconnect() {
        session = nil
        reactor.unwatch(descriptor)
        Glibc.close(descriptor)
        descriptor = -1
    }

    func ready(events: UInt32) {
        guard let request = unsent else { return receive() }
        guard Sockets.takeError(descriptor) == 0, events & EventMask.error == 0 else { return close() }
        if let tls = address.tls {
            guard let isSecure = continueHandshake(tls) else { return close() }
            guard isSecure else { return }
        }
        unsent = nil
        send(request)
    }

    /// - Returns: true once it is complete, nil if it failed.
    private func continueHandshake(_ tls: ServiceTLS) -> Bool? {
        if session == nil {
            session = try? TLSClientSession(descriptor: descriptor, host: address.host, credentials: tls.trust)
        }
        guard let session else { return nil }
        let code = session.handshake()
        guard code == TLSClientSession.again else { return code == 0 ? true : nil }
        reactor.watch(
            descriptor, events: session.awaitsInput ? EventMask.readable : EventMask.writable, handler: self)
        return false
    }

    /// Sends the whole request at once. The kernel accepts it, because it is small and the socket's buffer is empty.
    private func send(_ request: [UInt8]) {
        let count = request.withUnsafeBytes {
            session?.send($0) ?? Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        hasSent = count > 0
        guard count == request.count else { return close() }
        reactor.watch(descriptor, events: EventMask.readable, handler: self)
    }

    private func receive() {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = buffer.withUnsafeMutableBytes {
            session?.receive(into: $0) ?? recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        if count < 0, session == nil ? errno == EAGAIN : count == TLSClientSession.again { return }
        // Without a request in flight, the event means that the service has closed an idle connection.
        guard count > 0, continuation != nil else { return close() }
        received += buffer[..<count]
        guard received.count <= Self.maxAnswerBytes else { return close() }
        guard let message = HTTPMessage(received) else { return }
        // Use the system's clock: the reactor's clock stands still within a turn of its loop.
        let tookMs = Double(monotonicNs() - startNs) / Double(nsPerMs)
        if message.closes { disconnect() }
        finish(Answer(status: message.status, tookMs: tookMs, body: message.body))
    }

    private func finish(_ answer: Answer) {
        unsent = nil
        timer?.cancel()
        timer = nil
        continuation.take()?.resume(returning: answer)
    }
}

/// A complete HTTP answer: its status, and a body of the length that its head states.
struct HTTPMessage {
    let status: Int
    let body: String
    /// True if the server closes the connection after this answer.
    let closes: Bool

    /// Nil if `bytes` are not a complete answer yet.
    init?(_ bytes: [UInt8]) {
        guard let blankLine = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<blankLine.lowerBound], as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.lowercased().split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[String(parts[0])] = String(parts[1].drop { $0 == " " }) }
        }
        let rest = bytes[blankLine.upperBound...]
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        guard rest.count >= length else { return nil }
        status = lines.first.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
        body = String(decoding: rest.prefix(length), as: UTF8.self)
        closes = headers["connection"] == "close"
    }
}
