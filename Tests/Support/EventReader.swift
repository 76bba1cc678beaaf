import Foundation

/// Reads Server-Sent Events from the lab's page on a connection of its own.
public final class EventReader {
    public struct Event: Sendable {
        public let name: String
        public let json: String

        public var object: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(json.utf8))) as? [String: Any] ?? [:]
        }
        public var array: [[String: Any]] {
            (try? JSONSerialization.jsonObject(with: Data(json.utf8))) as? [[String: Any]] ?? []
        }
    }

    public let head: String
    private let client: HTTPClient

    /// HTTP/1.0, so that the body is not chunked.
    public init(port: UInt16) throws {
        client = try HTTPClient(port: port)
        try client.send(Array("GET /events HTTP/1.0\r\nHost: 127.0.0.1:\(port)\r\n\r\n".utf8))
        head = try client.block(upTo: "\r\n\r\n")
    }

    /// The next event that is not a comment.
    public func next() throws -> Event {
        while true {
            let lines = try client.block(upTo: "\n\n").split(separator: "\n")
            guard let name = lines.first(where: { $0.hasPrefix("event: ") }),
                let data = lines.first(where: { $0.hasPrefix("data: ") })
            else { continue }
            return Event(name: String(name.dropFirst(7)), json: String(data.dropFirst(6)))
        }
    }

    /// The next event of this name that `condition` accepts.
    public func next(_ name: String, where condition: (Event) -> Bool = { _ in true }) throws -> Event {
        for _ in 0..<10_000 {
            let event = try next()
            if event.name == name, condition(event) { return event }
        }
        throw TestFailure("no such event: \(name)")
    }
}

/// Sends requests to the lab, as its page does.
public struct PageClient {
    public let port: UInt16
    public let token: String

    /// Reads the token from the page.
    public init(port: UInt16) throws {
        self.port = port
        let page = try Self.exchange(port, "GET", "/", [])
        guard let match = page.text.firstMatch(of: /<meta name="lab-token" content="([A-Za-z0-9]*)">/) else {
            throw TestFailure("the page has no token: \(page.text)")
        }
        token = String(match.1)
    }

    public func get(_ path: String, headers: [String] = []) throws -> HTTPAnswer {
        try Self.exchange(port, "GET", path, headers)
    }

    public func post(_ path: String, _ json: String) throws -> HTTPAnswer {
        try Self.exchange(
            port, "POST", path, ["X-Lab-Token: \(token)", "Content-Type: application/json"], Array(json.utf8))
    }

    public static func exchange(
        _ port: UInt16, _ method: String, _ path: String, _ headers: [String], _ body: [UInt8] = []
    ) throws -> HTTPAnswer {
        let client = try HTTPClient(port: port, timeoutMs: 30_000)
        var head = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)"] + headers
        if method == "POST" { head.append("Content-Length: \(body.count)") }
        try client.send(Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
        return try client.answer()
    }
}
