import Logging

/// The name of an event that operators search their logs for. Names are part of the interface: they do not change.
public struct LogEventName: Sendable, Hashable, CustomStringConvertible {
    public let text: String
    public init(_ text: String) { self.text = text }
    public var description: String { text }

    /// The process begins to serve.
    public static let serviceStart = LogEventName("SERVICE_START")
    /// The process ends, and why.
    public static let serviceStop = LogEventName("SERVICE_STOP")
    /// A connection to a replica could not be made, or was lost.
    public static let dbConnectFailure = LogEventName("DB_CONNECT_FAILURE")
    /// A replica answers (again).
    public static let replicaUp = LogEventName("REPLICA_UP")
    /// A replica no longer answers.
    public static let replicaDown = LogEventName("REPLICA_DOWN")
    /// A replica answers but must not count: blank, foreign, being rebuilt, or not durable.
    public static let replicaRefused = LogEventName("REPLICA_REFUSED")
    /// A breaker went from one state to another.
    public static let circuitBreakerStateChange = LogEventName("CIRCUIT_BREAKER_STATE_CHANGE")
    /// Replicas at another site stopped answering while others go on.
    public static let partitionSuspected = LogEventName("PARTITION_SUSPECTED")
    /// They answer again.
    public static let partitionHealed = LogEventName("PARTITION_HEALED")
    /// A change was made, refused, or its outcome is unknown.
    public static let write = LogEventName("WRITE")
    /// A setting was refused or replaced.
    public static let configuration = LogEventName("CONFIGURATION")
    /// Lines were left out; written by the log itself.
    public static let logSuppressed = LogEventName("LOG_SUPPRESSED")
}

extension Logger {
    /// Logs an event under its name.
    ///
    /// ```swift
    /// logger.event(.dbConnectFailure, .warning, "cannot connect to g1", ["node": "g1", "error": "refused"])
    /// ```
    public func event(
        _ name: LogEventName, _ level: Logger.Level, _ message: @autoclosure () -> Logger.Message,
        _ metadata: @autoclosure () -> Logger.Metadata = [:],
        file: String = #fileID, function: String = #function, line: UInt = #line
    ) {
        guard logLevel <= level else { return }
        var fields = metadata()
        fields[LogRecord.eventKey] = .string(name.text)
        log(level: level, message(), metadata: fields, file: file, function: function, line: line)
    }
}
