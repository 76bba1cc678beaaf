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

/// What became of a request.
enum HTTPResult {
    case answer(Answer)
    /// Not one byte of it was taken: it had no effect.
    case notSent
    /// It was sent, at least in part, and no whole answer came: nobody knows.
    case lost
}

/// A client's connection to one service: one request at a time, HTTP/1.1, opened again where it was lost.
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

    /// - Parameter timeoutMs: after so long it counts as unanswered, and the connection is given up.
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
            timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ timeoutMs * nsPerMs) { [weak self] in self?.fail() }
            reactor.watch(descriptor, events: EventMask.readable | EventMask.writable, handler: self)
            if isConnected { sendRest() }
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        reactor.unwatch(descriptor)
        Glibc.close(descriptor)
        descriptor = -1
        settle(hasSent ? .lost : .notSent)
    }

    func ready(events: UInt32) {
        if !isConnected {
            guard Sockets.takeError(descriptor) == 0, events & EventMask.error == 0 else { return fail() }
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
            guard count > 0 else { return fail() }
            hasSent = true
            unsent = unsent.dropFirst(count)
        }
        reactor.watch(descriptor, events: EventMask.readable, handler: self)
    }

    private func receive() {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN { return }
        // Also where nothing was asked: the service has closed an idle connection.
        guard count > 0, continuation != nil else { return fail() }
        received += buffer[..<count]
        guard received.count <= Self.maxAnswerBytes else { return fail() }
        guard let message = HTTPMessage(received) else { return }
        // By the clock itself and not the loop's: an answer counts from when it was there.
        let answer = Answer(
            status: message.status, tookMs: Double(monotonicNs() - startNs) / Double(nsPerMs), body: message.body)
        let result = HTTPResult.answer(answer)
        if message.closes {
            hasSent = false
            let waiting = continuation.take()
            close()
            timer?.cancel()
            waiting?.resume(returning: result)
        } else {
            settle(result)
        }
    }

    private func fail() { close() }

    private func settle(_ result: HTTPResult) {
        timer?.cancel()
        timer = nil
        continuation.take()?.resume(returning: result)
    }
}
