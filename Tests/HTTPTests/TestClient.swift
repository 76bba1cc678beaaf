import Glibc
import TLS
import TestSupport

/// A client that sends exactly the given bytes.
final class TestClient {
    enum Failure: Error {
        case cannotConnect
        case connectionEnded(after: String)
        case handshake(code: Int32)
    }

    struct Answer {
        var status = 0
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []

        var text: String { String(decoding: body, as: UTF8.self) }

        subscript(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isClosed = false
    private(set) var tls: TLSClientSession?

    /// - Parameters:
    ///   - number: the client's own address is 127.0.0.`number`.
    ///   - receiveBytes: size of the socket's receive buffer; nil for the kernel's choice.
    init(port: UInt16, from number: UInt32 = 1, receiveBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if var receiveBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBytes, socklen_t(MemoryLayout<Int32>.size))
        }
        _ = Loopback.bind(descriptor, port: 0, number: number)
        // This limit ends a test that would otherwise hang. No test relies on it.
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard Loopback.connect(descriptor, port: port) else { throw Failure.cannotConnect }
    }

    deinit { close() }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        Glibc.close(descriptor)
    }

    /// Closes with a reset, as a client that crashes does.
    func abort() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Begins TLS, and verifies that the server is 127.0.0.1.
    func startTLS(
        _ credentials: TLSClientSession.Credentials, priorities: String = TLSClientSession.defaultPriorities
    ) throws {
        let session = try TLSClientSession(
            descriptor: descriptor, host: "127.0.0.1", credentials: credentials, priorities: priorities)
        let code = session.handshake()
        guard code == 0 else { throw Failure.handshake(code: code) }
        tls = session
    }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends all bytes. Returns false if the connection accepts no more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                if let tls { return tls.send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
                return Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Sends a request with a `Host` field, and returns the answer.
    func request(_ method: String, _ target: String, headers: [String] = [], body: String? = nil) throws -> Answer {
        send(Self.text(method, target, headers: headers, body: body))
        return try readAnswer(hasBody: method != "HEAD")
    }

    static func text(_ method: String, _ target: String, headers: [String] = [], body: String? = nil) -> String {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: test\r\n"
        for header in headers { text += header + "\r\n" }
        if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
        return text + "\r\n" + (body ?? "")
    }

    /// - Parameter pause: runs before each part of the body is read.
    func readAnswer(hasBody: Bool = true, pause: () -> Void = {}) throws -> Answer {
        var answer = Answer()
        let head = try readLine()
        answer.status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
        while case let line = try readLine(), !line.isEmpty {
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            let value = line[colon...].dropFirst().drop { $0 == " " }
            answer.headers.append((String(line[..<colon]), String(value)))
        }
        if hasBody, answer.status != 204, answer.status != 304, answer.status >= 200,
            let length = answer["Content-Length"].flatMap({ Int($0) })
        {
            while buffer.count < length {
                pause()
                try fill(65_536 / 8)
            }
            answer.body = Array(buffer.prefix(length))
            buffer.removeFirst(length)
        }
        return answer
    }

    /// The next chunk of a chunked body (RFC 9112, section 7.1); nil at its end.
    func readChunk() throws -> String? {
        guard let length = Int(try readLine(), radix: 16) else { throw Failure.connectionEnded(after: "no chunk") }
        while buffer.count < length { try fill() }
        let chunk = String(decoding: buffer.prefix(length), as: UTF8.self)
        buffer.removeFirst(length)
        _ = try readLine()
        return length > 0 ? chunk : nil
    }

    private func readLine() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[..<end].filter { $0 != UInt8(ascii: "\r") }
                buffer.removeFirst(end + 1)
                return String(decoding: line, as: UTF8.self)
            }
            try fill()
        }
    }

    private func fill(_ most: Int = 65_536) throws {
        var chunk = [UInt8](repeating: 0, count: most)
        let count = receive(into: &chunk)
        guard count > 0 else { throw Failure.connectionEnded(after: String(decoding: buffer, as: UTF8.self)) }
        buffer.append(contentsOf: chunk[..<count])
    }

    private func receive(into chunk: inout [UInt8]) -> Int {
        guard let tls else { return recv(descriptor, &chunk, chunk.count, 0) }
        // The client's own GnuTLS may need a second call after a record without data, such as the server's new keys.
        for _ in 0..<3 {
            let count = chunk.withUnsafeMutableBytes { tls.receive(into: $0) }
            if count != TLSClientSession.again { return count }
        }
        return -1
    }

    /// The server ended TLS before it closed the connection: nothing was cut off.
    func isEndedByServer() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = receive(into: &chunk)
            if count <= 0 { return count == 0 }
        }
    }

    /// The bytes that the server sends until it closes the connection.
    func readToEnd() -> String {
        while (try? fill()) != nil {}
        defer { buffer = [] }
        return String(decoding: buffer, as: UTF8.self)
    }

    /// Waits until the server closes the connection (a reset counts, too), and drops what it sent before. False after
    /// 20 s.
    func isClosedByServer() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count == 0 { return true }
            if count < 0 { return errno == ECONNRESET }
        }
    }
}
