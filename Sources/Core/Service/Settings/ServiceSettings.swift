import EventLoop
import HTTP
import Logging
import Redis
import Telemetry

/// One of the two services.
public enum ServiceMode: String, Sendable {
    case cp
    case ap
}

/// All settings of one of the two programs.
public protocol ProgramSettings {
    var service: ServiceSettings { get }
}

/// The settings of both services. Names and meanings are part of the interface; `.env.example` lists them.
public struct ServiceSettings: Sendable {
    public var mode: ServiceMode
    public var nodeID: String
    public var site: String
    public var group: String
    public var httpHost: String
    public var httpPort: UInt16
    public var access: AccessSettings
    public var replicas: [RedisReplica]
    /// Deadline of a whole request, in milliseconds.
    public var requestTimeoutMs: UInt64
    /// The engine's share of it: a twentieth is reserved for the response, so that the client receives it in time.
    public var requestTimeoutNs: UInt64 { requestTimeoutMs * nsPerMs * 19 / 20 }
    public var maxStalenessMs: Int64
    public var maxValueBytes: Int
    public var secretKey: String
    /// Verifies, but never signs; nil for none.
    public var secretKeyFallback: String?
    public var maxRequestsInFlight: Int
    /// Reads and changes per second; nil for no limit.
    public var maxRequestsPerS: UInt64?
    public var stopGraceMs: UInt64
    public var logLevel: Logger.Level
    public var logFormat: LogFormat
    public var redis: RedisGroupSettings

    public static let maxReplicas = 7

    /// Reads all of them; the reader records the invalid ones.
    public init(mode: ServiceMode, from reader: inout SettingsReader) {
        self.mode = mode
        nodeID = reader.value(
            "NODE_ID", default: "app-\(mode.rawValue)", help: "Name of this instance in answers, logs and metrics.",
            parse: Self.name)
        site = reader.value(
            "SITE", default: "local", help: "Name of the site of this instance, for display.", parse: Self.name)
        group = reader.value(
            "GROUP", default: mode.rawValue,
            help: "Name of the replica group; a replica of another group is rejected.", parse: Self.name)
        httpHost = reader.value(
            "HTTP_BIND", default: "127.0.0.1", help: "Address to listen on; 0.0.0.0 or :: for all interfaces."
        ) { text throws(SettingError) in
            guard !text.isEmpty else { throw SettingError("must not be empty") }
            return text
        }
        httpPort = reader.integer(
            "HTTP_PORT", default: mode == .cp ? 5001 : 5002, in: 1...65_535, help: "Port to listen on.")
        access = AccessSettings(host: httpHost, nodeID: nodeID, from: &reader)
        secretKey = reader.secret(
            "SECRET_KEY", default: "",
            help: "Signs the contexts and tokens of app-ap; at least 16 characters, the same for all instances."
        ) { text throws(SettingError) in
            if text.utf8.count < 16, !text.isEmpty || mode == .ap {
                throw SettingError("must be set, with 16 characters or more")
            }
        }
        let fallback = reader.secret(
            "SECRET_KEY_FALLBACK", default: "",
            help: "Also accepted when verifying, for a change of SECRET_KEY; empty for none."
        ) { text throws(SettingError) in
            if text.utf8.count < 16, !text.isEmpty {
                throw SettingError("must have 16 characters or more, or be empty")
            }
        }
        secretKeyFallback = fallback.isEmpty ? nil : fallback
        // Who can forge the one could forge the other.
        if let secret = access.authentication.secret, [secretKey, fallback].contains(secret) {
            reader.reject("JWT_HS256_KEY", "must not be SECRET_KEY or SECRET_KEY_FALLBACK")
        }
        access.requireStrong([
            ("SECRET_KEY", secretKey), ("SECRET_KEY_FALLBACK", fallback),
            ("JWT_HS256_KEY", access.authentication.secret ?? ""),
        ])
        let password = reader.secret(
            "REDIS_PASSWORD", default: "",
            help: "Password of replicas without one in their URL; empty for no password.")
        let replicas = reader.value(
            "REPLICAS",
            default: "g1=redis://127.0.0.1:6379,g2=redis://127.0.0.1:6380,g3=redis://127.0.0.1:6381",
            help: "The replicas, the same list for all instances: name=redis://host:port, separated by commas."
        ) { text throws(SettingError) in try Self.replicas(from: text, password: password) }
        self.replicas = replicas
        let areReplicasKnown = reader.isValid("REPLICAS")
        let nearReplicas = reader.value(
            "NEAR_REPLICAS", default: "",
            help: "Replicas of this site, asked first; separated by commas. Empty to order by latency alone."
        ) { text throws(SettingError) in
            let names = text.split(separator: ",").map { String($0.drop { $0 == " " }) }
            let unknown = names.first { name in !replicas.contains { $0.name == name } }
            if areReplicasKnown, let unknown {
                throw SettingError("names '\(unknown)', which REPLICAS does not")
            }
            return Set(names)
        }
        requestTimeoutMs = reader.seconds(
            "NETWORK_TIMEOUT_SEC", default: 1, in: 0.05...60, help: "Deadline of a request, in seconds.")
        maxStalenessMs = reader.integer(
            "MAX_STALENESS_MS", default: 5_000, in: 0...86_400_000,
            help: "An answer that may be older than this is marked stale, in milliseconds.")
        maxValueBytes = reader.integer(
            "MAX_VALUE_BYTES", default: 1 << 20, in: 1...(64 << 20), help: "Longest value, in bytes.")
        logLevel = reader.choice("LOG_LEVEL", default: Logger.Level.info, help: "Least severe level logged.")
        logFormat = reader.choice(
            "LOG_FORMAT", default: LogFormat.auto, help: "json, text, or auto: text on a terminal, else json.")
        maxRequestsInFlight = reader.integer(
            "MAX_REQUESTS_IN_FLIGHT", default: 2_000, in: 1...100_000,
            help: "In-flight requests; above it 503 overloaded.")
        let perSecond: UInt64 = reader.integer(
            "MAX_REQUESTS_PER_SEC", default: 0, in: 0...10_000_000,
            help: "Reads and changes per second; above it 429 rate_limited. 0 for no limit.")
        maxRequestsPerS = perSecond == 0 ? nil : perSecond
        stopGraceMs = reader.integer(
            "STOP_GRACE_MS", default: 5_000, in: 0...600_000,
            help: "How long a stop waits for in-flight requests, in milliseconds.")
        redis = Self.redisSettings(from: &reader, requestTimeoutMs: requestTimeoutMs)
        redis.nearReplicas = nearReplicas
        redis.limits.maxValueBytes = maxValueBytes
    }

    private static func redisSettings(
        from reader: inout SettingsReader, requestTimeoutMs: UInt64
    ) -> RedisGroupSettings {
        var settings = RedisGroupSettings()
        settings.timeouts.callMs = reader.integer(
            "REPLICA_TIMEOUT_MS", default: max(10, requestTimeoutMs / 4), in: 1...60_000,
            help: "A replica that does nothing for a command for this long has failed once, in milliseconds; default: "
                + "a quarter of NETWORK_TIMEOUT_SEC.")
        // Long enough to distinguish a stopped replica from a slow one, and short enough that requests in flight to it
        // are answered before their deadline.
        settings.timeouts.stallMs = settings.timeouts.callMs * 2
        settings.timeouts.connectMs = settings.timeouts.callMs * 2
        settings.limits.maxInFlight = reader.integer(
            "MAX_IN_FLIGHT_PER_REPLICA", default: settings.limits.maxInFlight, in: 1...100_000,
            help: "Unanswered commands per connection; above it 503 overloaded.")
        settings.breaker.failureThreshold = reader.integer(
            "BREAKER_FAILURES", default: settings.breaker.failureThreshold, in: 1...1_000,
            help: "Failures in a row that open a replica's breaker.")
        settings.breaker.openForMs = reader.integer(
            "BREAKER_OPEN_MS", default: settings.breaker.openForMs, in: 10...60_000,
            help: "First pause before an open breaker retries its replica, in milliseconds; doubles up to "
                + "BREAKER_MAX_OPEN_MS.")
        settings.breaker.maxOpenForMs = reader.integer(
            "BREAKER_MAX_OPEN_MS", default: settings.breaker.maxOpenForMs, in: 10...600_000,
            help: "Longest such pause, in milliseconds: the delay until a healed replica is used again.")
        if settings.breaker.maxOpenForMs < settings.breaker.openForMs, reader.isValid("BREAKER_OPEN_MS"),
            reader.isValid("BREAKER_MAX_OPEN_MS")
        {
            reader.reject("BREAKER_MAX_OPEN_MS", "must not be below BREAKER_OPEN_MS")
        }
        return settings
    }

    private static let nameRule = "1 to 64 letters, digits, '.', '_' or '-'"

    private static func isName(_ text: String) -> Bool {
        text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) }
            && (1...64).contains(text.utf8.count)
    }

    private static func name(_ text: String) throws(SettingError) -> String {
        guard isName(text) else { throw SettingError("must be \(nameRule), not '\(text)'") }
        return text
    }

    /// Parses `name=url,name=url`.
    private static func replicas(from text: String, password: String) throws(SettingError) -> [RedisReplica] {
        var replicas: [RedisReplica] = []
        for (index, item) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let parts = item.split(separator: "=", maxSplits: 1).map(String.init)
            // An entry may have a password, also in the place of its name: it is named by its number.
            let entry = "entry \(index + 1)"
            guard parts.count == 2 else {
                throw SettingError("must list replicas as name=redis://host:port; \(entry) is none")
            }
            let name = String(parts[0].drop { $0 == " " })
            guard Self.isName(name) else { throw SettingError("has no valid name in \(entry): \(Self.nameRule)") }
            do throws(RedisEndpointError) {
                var endpoint = try RedisEndpoint(url: parts[1])
                if endpoint.password == nil, !password.isEmpty { endpoint.password = password }
                replicas.append(RedisReplica(name: name, endpoint: endpoint))
            } catch {
                throw SettingError("has a bad URL for '\(name)': it \(error)")
            }
        }
        guard Set(replicas.map(\.name)).count == replicas.count else { throw SettingError("names a replica twice") }
        let addresses = replicas.map { "\($0.endpoint.host):\($0.endpoint.port)" }
        guard Set(addresses).count == replicas.count else {
            throw SettingError("names one server twice: each replica needs its own server")
        }
        guard (1...maxReplicas).contains(replicas.count) else {
            throw SettingError("must list 1 to \(maxReplicas) replicas")
        }
        return replicas
    }
}
