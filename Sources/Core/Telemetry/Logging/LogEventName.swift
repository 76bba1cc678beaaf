import Logging

/// The name of an event that operators search for. Names are part of the interface and do not change.
public enum LogEventName: String, CaseIterable, Sendable {
    /// The process starts to serve.
    case serviceStart = "SERVICE_START"
    /// The process stops, with the reason.
    case serviceStop = "SERVICE_STOP"
    /// The process runs but cannot serve, with the reason.
    case serviceNotReady = "SERVICE_NOT_READY"
    /// The process can serve again.
    case serviceReady = "SERVICE_READY"
    /// A connection to a replica failed or was lost.
    case dbConnectFailure = "DB_CONNECT_FAILURE"
    /// A replica answers, possibly again.
    case replicaUp = "REPLICA_UP"
    /// A replica answers but must not be used: it is foreign or too old, or may evict keys.
    case replicaRefused = "REPLICA_REFUSED"
    /// A replica answers but rejects this instance's write probes.
    case replicaNotWritable = "REPLICA_NOT_WRITABLE"
    /// A replica accepts write probes again.
    case replicaWritable = "REPLICA_WRITABLE"
    /// A circuit breaker changed its state.
    case circuitBreakerStateChange = "CIRCUIT_BREAKER_STATE_CHANGE"
    /// Nothing listens at a replica's address: its process is down.
    case replicaDown = "REPLICA_DOWN"
    /// Nothing is received from a replica any more.
    case partitionSuspected = "PARTITION_SUSPECTED"
    /// A replica answers again after a suspected partition.
    case partitionHealed = "PARTITION_HEALED"
    /// A replica's clock and this machine's differ by more than a second, or agree again.
    case clockOffset = "CLOCK_OFFSET"
    /// A change was applied or rejected, or its outcome is unknown.
    case write = "WRITE"
    /// A limit on connections was reached: some connections were refused, or closed to admit others.
    case connectionLimit = "CONNECTION_LIMIT"
    /// Requests were refused because of their host, origin or token.
    case accessRefused = "ACCESS_REFUSED"
    /// Clients sent more requests than their limits allow.
    case rateLimited = "RATE_LIMITED"
    /// The credential files changed, and the new credentials are in force.
    case credentialsReplaced = "CREDENTIALS_REPLACED"
    /// The credential files changed but are invalid. The earlier credentials stay in force.
    case credentialsRejected = "CREDENTIALS_REJECTED"
    /// The files of the certificate changed, and new connections use them.
    case certificateReplaced = "CERTIFICATE_REPLACED"
    /// The files of the certificate changed but are invalid. The earlier ones stay in force.
    case certificateRejected = "CERTIFICATE_REJECTED"
    /// TLS handshakes failed.
    case handshakeFailed = "TLS_HANDSHAKE_FAILED"
    /// Other users of the machine have access to files of secrets.
    case secretExposed = "SECRET_EXPOSED"
    /// Log lines were dropped. The log itself writes this event.
    case logSuppressed = "LOG_SUPPRESSED"
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
        fields[LogRecord.eventKey] = .string(name.rawValue)
        log(level: level, message(), metadata: fields, file: file, function: function, line: line)
    }
}
