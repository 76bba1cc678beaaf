import Logging

/// The name of an event that operators search for. Names are part of the interface and do not change.
public struct LogEventName: Sendable, Hashable, CustomStringConvertible {
    public let text: String
    public init(_ text: String) { self.text = text }
    public var description: String { text }

    /// The process starts to serve.
    public static let serviceStart = LogEventName("SERVICE_START")
    /// The process stops, with the reason.
    public static let serviceStop = LogEventName("SERVICE_STOP")
    /// A connection to a replica failed or was lost.
    public static let dbConnectFailure = LogEventName("DB_CONNECT_FAILURE")
    /// A replica answers, possibly again.
    public static let replicaUp = LogEventName("REPLICA_UP")
    /// A replica no longer answers.
    public static let replicaDown = LogEventName("REPLICA_DOWN")
    /// A replica answers but must not be used: blank, foreign, being rebuilt, or not durable.
    public static let replicaRefused = LogEventName("REPLICA_REFUSED")
    /// A circuit breaker changed its state.
    public static let circuitBreakerStateChange = LogEventName("CIRCUIT_BREAKER_STATE_CHANGE")
    /// A replica stopped answering while others answer.
    public static let partitionSuspected = LogEventName("PARTITION_SUSPECTED")
    /// It answers again.
    public static let partitionHealed = LogEventName("PARTITION_HEALED")
    /// A change was applied or rejected, or its outcome is unknown.
    public static let write = LogEventName("WRITE")
    /// A setting was rejected or replaced.
    public static let configuration = LogEventName("CONFIGURATION")
    /// Lines were dropped; written by the log itself.
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
