import Foundation
import Glibc
import TLS

/// An answer, with its body as text and as a JSON object.
public struct HTTPAnswer: Sendable {
    public let status: Int
    /// By name, in lower case.
    public let headers: [String: String]
    public let body: [UInt8]

    public var text: String { String(decoding: body, as: UTF8.self) }

    public func string(_ name: String) -> String? { object[name] as? String }
    public func integer(_ name: String) -> Int? { (object[name] as? NSNumber)?.intValue }
    public func bool(_ name: String) -> Bool? { (object[name] as? NSNumber)?.boolValue }
    public func strings(_ name: String) -> [String]? { object[name] as? [String] }
    public func objects(_ name: String) -> [[String: Any]] { object[name] as? [[String: Any]] ?? [] }

    private var object: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
    }
}

/// A blocking client on one connection that sends any bytes, including malformed requests.
public final class HTTPClient {
    private let descriptor: Int32
    private let tls: TLSClientSession?
    private var buffer: [UInt8] = []

    /// - Parameters:
    ///   - timeoutMs: the limit of the connect, and of each read and write.
    ///   - trust: nil for no TLS.
    public init(port: UInt16, timeoutMs: Int = 60_000, trust: TLSClientSession.Credentials? = nil) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: timeoutMs / 1_000, tv_usec: timeoutMs % 1_000 * 1_000)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
        }
        self.descriptor = descriptor
        tls = try trust.map {
            try TLSClientSession(descriptor: descriptor, host: "127.0.0.1", credentials: $0)
        }
        // `deinit` runs although `init` throws. Closing here too could close a descriptor that another thread has since
        // opened.
        guard Loopback.connect(descriptor, port: port) else { throw TestFailure("cannot connect to port \(port)") }
        if let tls, case let code = tls.handshake(), code != 0 {
            throw TestFailure("TLS: \(TLSClientSession.description(of: Int(code)))")
        }
    }

    deinit { close(descriptor) }

    /// When the server's certificate expires, in seconds since 1970; nil without TLS.
    public var serverExpiresAtS: Int64? { tls?.serverExpiresAtS }

    public func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                tls?.send($0) ?? Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw TestFailure("the server closed the connection") }
            rest = rest.dropFirst(sent)
        }
    }

    public func request(
        _ method: String, _ target: String, headers: [String: String] = [:], body: [UInt8] = []
    ) throws -> HTTPAnswer {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if !body.isEmpty || method == "POST" { head += "Content-Length: \(body.count)\r\n" }
        try send(Array((head + "\r\n").utf8) + body)
        return try answer(isHead: method == "HEAD")
    }

    /// The next answer on this connection.
    public func answer(isHead: Bool = false) throws -> HTTPAnswer {
        let end = try readHead()
        let lines = String(decoding: buffer[..<end], as: UTF8.self).split(separator: "\r\n")
        buffer.removeFirst(end + 4)
        let parts = lines.first?.split(separator: " ") ?? []
        guard parts.count >= 2, let status = Int(parts[1]) else { throw TestFailure("not an answer: \(lines)") }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces) }
        }
        let length = isHead ? 0 : headers["content-length"].flatMap(Int.init) ?? 0
        while buffer.count < length { try readMore() }
        let body = Array(buffer.prefix(length))
        buffer.removeFirst(length)
        return HTTPAnswer(status: status, headers: headers, body: body)
    }

    /// The text up to `end`, without it.
    func block(upTo end: String) throws -> String {
        let end = Array(end.utf8)
        while true {
            if let range = buffer.firstRange(of: end) {
                defer { buffer.removeFirst(range.upperBound) }
                return String(decoding: buffer[..<range.lowerBound], as: UTF8.self)
            }
            try readMore()
        }
    }

    private func readHead() throws -> Int {
        while true {
            if let end = buffer.indices.first(where: { buffer[$0...].starts(with: [13, 10, 13, 10]) }) { return end }
            try readMore()
        }
    }

    private func readMore() throws {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = chunk.withUnsafeMutableBytes {
            tls?.receive(into: $0) ?? recv(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard count > 0 else { throw TestFailure("no more bytes from the server") }
        buffer.append(contentsOf: chunk.prefix(count))
    }
}

/// Checks `condition` every 10 ms until it holds, at most 6,001 times (about a minute). Returns whether it held at
/// the end.
public func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<6_000 {
        if try condition() { return true }
        usleep(10_000)
    }
    return try condition()
}
