import Glibc
import HTTP
import EventLoop
import Logging
import Telemetry

/// The process' limit of open files. It is raised to the hard limit, because the usual soft limit of 1,024 is for
/// programs that use select(2).
enum DescriptorLimit {
    /// The lowest limit with which a service starts. With less, it could not respond while it connects to all replicas.
    static let least = 128
    /// Descriptors for replicas, the log, `/proc`, the files that libraries open, and connections that are being
    /// closed.
    private static let reserved = 64 + HTTPServer.maxLingering

    /// Raises the soft limit to the hard limit.
    /// - Returns: the limit from now on.
    static func raise() -> Int {
        var limit = current
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: current.rlim_cur)
    }

    /// The number of client connections that leave the reserved descriptors free; at least 1, at most `most`.
    static func connections(atMost most: Int) -> Int {
        max(1, min(most, Int(clamping: current.rlim_cur) - reserved))
    }

    private static var current: rlimit {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return limit
    }
}

/// Logs that connections were closed or refused: at most one line per minute, with counts.
struct ConnectionLimitLog {
    let connectionLimit: Int
    let logger: Logger
    private var summary = MinuteSummary()

    init(connectionLimit: Int, logger: Logger) {
        self.connectionLimit = connectionLimit
        self.logger = logger
    }

    mutating func add(_ limit: ConnectionLimit, _ count: Int, atNs nowNs: UInt64) {
        guard let counts = summary.add(limit.rawValue, count, atNs: nowNs) else { return }
        var metadata = counts.mapValues { Logger.MetadataValue.stringConvertible($0) }
        metadata["connection_limit"] = .stringConvertible(connectionLimit)
        logger.event(
            .connectionLimit, .warning, "connections of clients were closed or refused for others", metadata)
    }
}
