import Synchronization

/// A client that sends the session token of each response with its next request, as a client of `app-ap` must to read its
/// own writes. `app-cp` guarantees that to every client without a token.
public final class ClientSession: Sendable {
    private let service: ServiceProcess
    private let headers = Mutex<[String: String]>([:])

    public init(_ service: ServiceProcess) {
        self.service = service
    }

    public func write(_ key: String, _ value: String, headers: [String: String] = [:]) throws -> HTTPAnswer {
        try http("POST", "/write/\(key)/\(value)", headers: headers)
    }

    public func read(_ key: String) throws -> HTTPAnswer { try http("GET", "/read/\(key)") }

    public func http(
        _ method: String, _ target: String, headers: [String: String] = [:], body: [UInt8] = []
    ) throws -> HTTPAnswer {
        let known = self.headers.withLock { $0 }
        let answer = try service.http(method, target, headers: headers.merging(known) { $1 }, body: body)
        if !answer.sessionHeaders.isEmpty { self.headers.withLock { $0 = answer.sessionHeaders } }
        return answer
    }
}

extension HTTPAnswer {
    /// The headers of the next request of the same session.
    public var sessionHeaders: [String: String] {
        headers["x-session-token"].map { ["X-Session-Token": $0] } ?? [:]
    }
}
