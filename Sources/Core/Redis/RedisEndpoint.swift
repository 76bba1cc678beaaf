import Replication

/// Where one replica listens: `redis://[user[:password]@]host[:port]`, or `rediss://` for TLS.
public struct RedisEndpoint: Sendable, Equatable {
    public var host: String
    public var port: UInt16
    public var username: String?
    public var password: String?
    public private(set) var isTLS = false

    /// Whether this build has TLS to Redis. It needs hiredis 1.0 or later with its TLS library.
    public static var supportsTLS: Bool {
        #if HIREDIS_SSL
            true
        #else
            false
        #endif
    }

    public init(host: String, port: UInt16, username: String? = nil, password: String? = nil) {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
    }

    /// Parses a Redis URL. The credentials may be percent-encoded (RFC 3986, section 2.1).
    ///
    /// - Throws: ``RedisEndpointError`` with one sentence about the mistake.
    public init(url: String) throws(RedisEndpointError) {
        isTLS = url.hasPrefix("rediss://")
        if isTLS, !Self.supportsTLS {
            throw RedisEndpointError("'rediss://' is not supported; put a TLS proxy such as stunnel beside the service")
        }
        guard isTLS || url.hasPrefix("redis://") else { throw RedisEndpointError("must start with redis://") }
        var rest = url.dropFirst(isTLS ? "rediss://".count : "redis://".count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        if rest.contains("/") || rest.contains("?") {
            throw RedisEndpointError("must not name a database or options: only host and port")
        }
        if let at = rest.lastIndex(of: "@") {
            let credentials = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            rest = rest[rest.index(after: at)...]
            let decoded = credentials.map { part in
                PercentEncoding.decode(Bytes(part.utf8)[...]).flatMap { String(validating: $0, as: UTF8.self) }
            }
            guard decoded.allSatisfy({ $0 != nil }) else { throw RedisEndpointError("has a bad percent-encoding") }
            if let name = decoded[0], !name.isEmpty { username = name }
            if decoded.count == 2 { password = decoded[1] }
        }
        var portText: Substring = "6379"
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { throw RedisEndpointError("has an unclosed '['") }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            let tail = rest[rest.index(after: end)...]
            if tail.hasPrefix(":") { portText = tail.dropFirst() } else if !tail.isEmpty { portText = "" }
        } else {
            let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            host = String(parts[0])
            if parts.count == 2 { portText = parts[1] }
        }
        guard !host.isEmpty else { throw RedisEndpointError("names no host") }
        guard let port = UInt16(portText), port > 0 else { throw RedisEndpointError("has no valid port") }
        self.port = port
    }
}

extension RedisEndpoint {
    /// Makes the TLS sessions of this endpoint's connections; nil for plain TCP.
    func tlsConnector(_ files: RedisTLSFiles) -> (any TLSConnector)? {
        #if HIREDIS_SSL
            isTLS ? OpenSSLConnector(host: host, files: files) : nil
        #else
            nil
        #endif
    }
}

/// The mistake in a Redis URL. The text is the end of a sentence that begins with the setting's name.
public struct RedisEndpointError: Error, CustomStringConvertible, Equatable {
    public let description: String
    init(_ description: String) { self.description = description }
}
