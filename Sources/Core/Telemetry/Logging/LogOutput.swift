import Glibc
import Logging
import Synchronization

/// The format of log lines.
public enum LogFormat: String, Sendable, CaseIterable {
    /// Text if the output is a terminal, otherwise JSON.
    case auto
    case json
    case text

    /// The format for a stream: coloured only on a terminal without `NO_COLOR`.
    func lineFormat(isTerminal: Bool, isColourless: Bool) -> LineFormat {
        self == .json || (self == .auto && !isTerminal) ? .json : .terminal(isColoured: isTerminal && !isColourless)
    }
}

/// The shared output of all loggers of a process: format, burst limit and sink.
///
/// ```swift
/// let output = LogOutput.standardError(format: .auto)
/// LoggingSystem.bootstrap { _ in LineLogHandler(output: output, level: .info) }
/// ```
public final class LogOutput: Sendable {
    private let format: LineFormat
    private let sink: @Sendable (_ line: [UInt8]) -> Bool
    private let clock: @Sendable () -> Int64
    private let limiter = Mutex(BurstLimiter())
    private let lostLines = Atomic<Int>(0)

    /// - Parameters:
    ///   - sink: writes one line with its line feed; returns false if the line was dropped.
    ///   - clock: returns the time in milliseconds since 1970 (UTC).
    init(
        format: LineFormat, clock: @escaping @Sendable () -> Int64 = LogOutput.wallClockMs,
        sink: @escaping @Sendable (_ line: [UInt8]) -> Bool
    ) {
        self.format = format
        self.sink = sink
        self.clock = clock
    }

    /// Standard error: coloured if it is a terminal and `NO_COLOR` is not set (no-color.org).
    public static func standardError(format: LogFormat) -> LogOutput {
        let isColourless = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        return LogOutput(
            format: format.lineFormat(isTerminal: isatty(STDERR_FILENO) == 1, isColourless: isColourless),
            sink: DescriptorSink.standardError.write)
    }

    /// Milliseconds since 1970 (UTC).
    public static func wallClockMs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Writes a record, or counts it as dropped.
    func log(level: Logger.Level, event: String?, message: String, metadata: Logger.Metadata) {
        let nowMs = clock()
        let key = Self.key(event: event, message: message, metadata: metadata)
        guard limiter.withLock({ $0.allows(key, nowMs: nowMs) }) else { return }
        write(LogRecord(unixMs: nowMs, level: level, event: event, message: message, metadata: metadata))
    }

    /// Reports dropped lines. Call it once per second, and with `all` before the process ends.
    public func flush(all: Bool = false) {
        let nowMs = clock()
        for (key, count) in limiter.withLock({ $0.takeDropped(nowMs: nowMs, all: all) }) {
            var metadata: Logger.Metadata = ["lines": .stringConvertible(count)]
            if !key.event.isEmpty { metadata["of"] = .string(key.event) }
            if !key.subject.isEmpty { metadata[key.event.isEmpty ? "of" : "node"] = .string(key.subject) }
            writeNotice("lines dropped: too many of the same kind within a second", metadata, nowMs: nowMs)
        }
    }

    /// The key under which the burst limit counts a line: its event and node, or without an event the beginning of its
    /// message.
    private static func key(event: String?, message: String, metadata: Logger.Metadata) -> BurstLimiter.Key {
        guard let event else {
            return BurstLimiter.Key(event: "", subject: String(message.unicodeScalars.prefix(64)))
        }
        return BurstLimiter.Key(event: event, subject: metadata["node"]?.description ?? "")
    }

    private func write(_ record: LogRecord) {
        guard put(record) else {
            lostLines.wrappingAdd(1, ordering: .relaxed)
            return
        }
        let lost = lostLines.exchange(0, ordering: .relaxed)
        guard lost > 0 else { return }
        let metadata: Logger.Metadata = ["lines": .stringConvertible(lost)]
        writeNotice("lines lost: the log could not be written", metadata, nowMs: record.unixMs)
    }

    private func writeNotice(_ message: String, _ metadata: Logger.Metadata, nowMs: Int64) {
        let event = LogEventName.logSuppressed.rawValue
        let notice = LogRecord(unixMs: nowMs, level: .warning, event: event, message: message, metadata: metadata)
        if !put(notice) { lostLines.wrappingAdd(1, ordering: .relaxed) }
    }

    private func put(_ record: LogRecord) -> Bool {
        sink(format.line(of: record))
    }
}

/// The swift-log handler of the services: collects metadata and passes each record to the shared ``LogOutput``.
public struct LineLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let output: LogOutput

    public init(output: LogOutput, level: Logger.Level) {
        self.output = output
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Passes one line to the output. Metadata of the line overrides that of the logger.
    public func log(event: LogEvent) {
        var fields = metadata
        if let given = event.metadata { fields.merge(given) { _, new in new } }
        let name = fields.removeValue(forKey: LogRecord.eventKey)
        if let error = event.error, fields["error"] == nil { fields["error"] = .string(String(describing: error)) }
        output.log(level: event.level, event: name?.description, message: event.message.description, metadata: fields)
    }
}
