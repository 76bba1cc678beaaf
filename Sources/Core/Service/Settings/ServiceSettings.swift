import EventLoop
import Logging
import RateLimiting
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
    public let mode: ServiceMode
    public let identity: Identity
    public let listening: Listening
    public let tls: TLSSettings
    public let access: AccessSettings
    public let secrets: Secrets
    public var replicas: [RedisReplica]
    public let requests: Requests
    public let logging: Logging
    public let audit: AuditSettings
    public let load: Load
    /// Nil if no client has a limit.
    public let limits: RateLimits?
    public let redis: RedisGroupSettings
    /// The files of secrets to which other users have access.
    let exposedSecrets: [ExposedSecret]

    public static let maxReplicas = 7

    /// Reads all settings; the reader records invalid ones.
    public init(mode: ServiceMode, from reader: inout SettingsReader) {
        self.mode = mode
        identity = Identity(mode, from: &reader)
        listening = Listening(mode, from: &reader)
        tls = TLSSettings(from: &reader)
        var access = AccessSettings(host: listening.host, nodeID: identity.nodeID, from: &reader)
        secrets = Secrets(mode, from: &reader)
        let keys = [("SECRET_KEY", secrets.key), ("SECRET_KEY_FALLBACK", secrets.fallbackKey ?? "")]
        access.check(secrets: keys, from: &reader)
        self.access = access
        replicas = Self.replicas(from: &reader)
        let nearReplicas = Self.nearReplicas(among: replicas, from: &reader)
        let redisTLS = RedisTLSFiles(from: &reader, replicas: replicas)
        requests = Requests(from: &reader)
        logging = Logging(from: &reader)
        audit = AuditSettings(from: &reader)
        if audit.isPseudonymous, secrets.key.isEmpty {
            reader.reject("AUDIT_PSEUDONYMISE", "needs SECRET_KEY")
        }
        load = Load(from: &reader)
        limits = Self.limits(from: &reader)
        if limits != nil, secrets.key.isEmpty {
            // Otherwise everybody could compute which addresses share a Redis key, and use up the limit of another.
            reader.reject("SECRET_KEY", "is required by RATE_LIMIT_PER_MINUTE and RATE_LIMIT_PER_HOUR")
        }
        var redis = RedisGroupSettings(from: &reader, requestTimeoutMs: requests.timeoutMs)
        redis.nearReplicas = nearReplicas
        redis.tls = redisTLS
        redis.limits.maxValueBytes = requests.maxValueBytes
        self.redis = redis
        exposedSecrets = reader.secretFiles.compactMap { ExposedSecret(setting: $0.setting, path: $0.path) }
    }
}

// Each group reads its settings in the order in which `--check-config` lists them.
extension ServiceSettings {
    /// The names of this instance, its site and its group.
    public struct Identity: Sendable {
        public let nodeID: String
        public let site: String
        public let group: String

        init(_ mode: ServiceMode, from reader: inout SettingsReader) {
            nodeID = reader.value(
                "NODE_ID", default: "app-\(mode.rawValue)",
                help: "Name of this instance in answers, logs and metrics.", parse: ServiceSettings.name)
            site = reader.value(
                "SITE", default: "local", help: "Name of the site of this instance, for display.",
                parse: ServiceSettings.name)
            group = reader.value(
                "GROUP", default: mode.rawValue,
                help: "Name of the replica group; a replica of another group is rejected.", parse: ServiceSettings.name)
        }
    }

    /// The address of the HTTP server.
    public struct Listening: Sendable {
        public let host: String
        public let port: UInt16

        init(_ mode: ServiceMode, from reader: inout SettingsReader) {
            host = reader.value(
                "HTTP_BIND", default: "127.0.0.1", help: "Address to listen on; 0.0.0.0 or :: for all interfaces."
            ) { text throws(SettingError) in
                guard !text.isEmpty else { throw SettingError("must not be empty") }
                return text
            }
            port = reader.integer(
                "HTTP_PORT", default: mode == .cp ? 5001 : 5002, in: 1...65_535, help: "Port to listen on.")
        }
    }

    /// The secret that instances sign contexts and tokens with.
    public struct Secrets: Sendable {
        public let key: String
        /// A key that also verifies contexts and tokens, but never signs them; nil for none.
        public let fallbackKey: String?

        init(_ mode: ServiceMode, from reader: inout SettingsReader) {
            key = reader.secret(
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
            fallbackKey = fallback.isEmpty ? nil : fallback
        }
    }

    /// Limits of one request.
    public struct Requests: Sendable {
        /// The deadline of a complete request, in milliseconds.
        public let timeoutMs: UInt64
        /// The engine's part of the deadline, in nanoseconds. A twentieth is reserved for the response, so that the
        /// client receives it in time.
        public var engineTimeoutNs: UInt64 { timeoutMs * nsPerMs * 19 / 20 }
        public let maxStalenessMs: Int64
        public let maxValueBytes: Int

        init(from reader: inout SettingsReader) {
            timeoutMs = reader.seconds(
                "NETWORK_TIMEOUT_SEC", default: 1, in: 0.05...60, help: "Deadline of a request, in seconds.")
            maxStalenessMs = reader.integer(
                "MAX_STALENESS_MS", default: 5_000, in: 0...86_400_000,
                help: "An answer with a higher staleness is marked stale, in milliseconds.")
            maxValueBytes = reader.integer(
                "MAX_VALUE_BYTES", default: 1 << 20, in: 1...(64 << 20), help: "Longest value, in bytes.")
        }
    }

    public struct Logging: Sendable {
        public let level: Logger.Level
        public let format: LogFormat

        init(from reader: inout SettingsReader) {
            level = reader.choice("LOG_LEVEL", default: Logger.Level.info, help: "Least severe level logged.")
            format = reader.choice(
                "LOG_FORMAT", default: LogFormat.auto, help: "json, text, or auto: text on a terminal, else json.")
        }
    }

    /// Limits of all requests together.
    public struct Load: Sendable {
        public let maxInFlight: Int
        /// Reads and changes per second; nil for no limit.
        public let maxPerS: UInt64?
        /// How long a stop waits for in-flight requests, in milliseconds.
        public let stopGraceMs: UInt64

        init(from reader: inout SettingsReader) {
            maxInFlight = reader.integer(
                "MAX_REQUESTS_IN_FLIGHT", default: 2_000, in: 1...100_000,
                help: "In-flight requests; above it 503 overloaded.")
            let perSecond: UInt64 = reader.integer(
                "MAX_REQUESTS_PER_SEC", default: 0, in: 0...10_000_000,
                help: "Reads and changes per second; above it 429 rate_limited. 0 for no limit.")
            maxPerS = perSecond == 0 ? nil : perSecond
            stopGraceMs = reader.integer(
                "STOP_GRACE_MS", default: 5_000, in: 0...600_000,
                help: "How long a stop waits for in-flight requests, in milliseconds.")
        }
    }
}

extension ServiceSettings {
    static let nameRule = "1 to 64 letters, digits, '.', '_' or '-'"

    static func isName(_ text: String) -> Bool {
        text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) }
            && (1...64).contains(text.utf8.count)
    }

    static func name(_ text: String) throws(SettingError) -> String {
        guard isName(text) else { throw SettingError("must be \(nameRule), not '\(text)'") }
        return text
    }
}
