import EventLoop
import Glibc

/// One request as it goes over the wire.
struct HTTPRequest {
    var method = "GET"
    var path: String
    var headers: [(name: String, value: String)] = []

    var bytes: [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        for header in headers { head += "\(header.name): \(header.value)\r\n" }
        if method == "POST" { head += "Content-Length: 0\r\n" }
        return Array((head + "\r\n").utf8)
    }
}

enum HTTPResult {
    case answer(Answer)
    /// No byte of the request was sent: it had no effect.
    case notSent
    /// The request was sent, at least in part, and no complete answer came: its effect is unknown.
    case lost
}

/// A client's HTTP/1.1 connection to one service: one request at a time, reconnected when it was lost.
final class HTTPConnection: DescriptorHandler {
    private static let maxAnswerBytes = 4 << 20

    private let port: UInt16
    private let reactor: Reactor
    private var descriptor: Int32 = -1
    private var isConnected = false
    private var hasSent = false
    private var unsent: ArraySlice<UInt8> = []
    private var received: [UInt8] = []
    private var continuation: UnsafeContinuation<HTTPResult, Never>?
    private var timer: LoopTimer?
    private var startNs: UInt64 = 0

    init(port: UInt16, on reactor: Reactor) {
        self.port = port
        self.reactor = reactor
    }

    /// One request on a connection of its own.
    static func ask(_ request: HTTPRequest, port: UInt16, timeoutMs: UInt64, on reactor: Reactor) async -> HTTPResult {
        let connection = HTTPConnection(port: port, on: reactor)
        defer { connection.close() }
        return await connection.ask(request, timeoutMs: timeoutMs)
    }

    /// - Parameter timeoutMs: after this long the request counts as unanswered, and the connection is closed.
    func ask(_ request: HTTPRequest, timeoutMs: UInt64) async -> HTTPResult {
        precondition(continuation == nil, "one request at a time")
        if descriptor < 0 {
            guard let fresh = try? Sockets.connect(port: port) else { return .notSent }
            descriptor = fresh
            isConnected = false
        }
        received.removeAll(keepingCapacity: true)
        hasSent = false
        unsent = request.bytes[...]
        startNs = monotonicNs()
        return await withUnsafeContinuation { continuation in
            self.continuation = continuation
            timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ timeoutMs * nsPerMs) { [weak self] in self?.close() }
            reactor.watch(descriptor, events: EventMask.readable | EventMask.writable, handler: self)
            if isConnected { sendRest() }
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        disconnect()
        finish(hasSent ? .lost : .notSent)
    }

    private func disconnect() {
        reactor.unwatch(descriptor)
        Glibc.close(descriptor)
        descriptor = -1
    }

    func ready(events: UInt32) {
        if !isConnected {
            guard Sockets.takeError(descriptor) == 0, events & EventMask.error == 0 else { return close() }
            isConnected = true
        }
        if events & EventMask.writable != 0 { sendRest() }
        guard descriptor >= 0, events & ~EventMask.writable != 0 else { return }
        receive()
    }

    private func sendRest() {
        while !unsent.isEmpty {
            let count = unsent.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EAGAIN { return }
            guard count > 0 else { return close() }
            hasSent = true
            unsent = unsent.dropFirst(count)
        }
        reactor.watch(descriptor, events: EventMask.readable, handler: self)
    }

    private func receive() {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN { return }
        // Without a request, the service has closed an idle connection.
        guard count > 0, continuation != nil else { return close() }
        received += buffer[..<count]
        guard received.count <= Self.maxAnswerBytes else { return close() }
        guard let message = HTTPMessage(received) else { return }
        // The reactor's clock stands still within a turn; this one does not.
        let tookMs = Double(monotonicNs() - startNs) / Double(nsPerMs)
        if message.closes { disconnect() }
        finish(.answer(Answer(status: message.status, tookMs: tookMs, body: message.body)))
    }

    private func finish(_ result: HTTPResult) {
        timer?.cancel()
        timer = nil
        continuation.take()?.resume(returning: result)
    }
}

/// A complete HTTP answer: status, and a body of the length in its head.
struct HTTPMessage {
    let status: Int
    let body: String
    /// The server closes the connection after this answer.
    let closes: Bool

    /// Nil while the answer is incomplete.
    init?(_ bytes: [UInt8]) {
        guard let headEnd = bytes.firstIndex(ofSequence: [13, 10, 13, 10]) else { return nil }
        let lines = String(decoding: bytes[..<headEnd], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        var length = 0
        var closes = false
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }.lowercased()
            switch line[..<colon].lowercased() {
            case "content-length": length = Int(value) ?? 0
            case "connection": closes = value == "close"
            default: break
            }
        }
        guard bytes.count - headEnd - 4 >= length else { return nil }
        status = words.count > 1 ? Int(words[1]) ?? 0 : 0
        body = String(decoding: bytes[(headEnd + 4)..<(headEnd + 4 + length)], as: UTF8.self)
        self.closes = closes
    }
}

extension [UInt8] {
    fileprivate func firstIndex(ofSequence wanted: [UInt8]) -> Int? {
        guard count >= wanted.count else { return nil }
        return (0...(count - wanted.count)).first { self[$0...].starts(with: wanted) }
    }
}
