import Glibc
import Logging
import Synchronization

/// How log lines look.
public enum LogFormat: String, Sendable, CaseIterable {
    /// Readable on a terminal, JSON elsewhere.
    case auto
    case json
    case text

    /// The format to use for a stream, coloured only where a person looks at it and did not ask for none.
    public func lineFormat(isTerminal: Bool, isColourless: Bool) -> any LogLineFormat {
        switch self {
        case .json: JSONLineFormat()
        case .auto where !isTerminal: JSONLineFormat()
        case .auto, .text: TerminalLineFormat(isColoured: isTerminal && !isColourless)
        }
    }
}

/// Where the lines of all loggers of a process meet: format, burst limit, sink.
///
/// ```swift
/// let output = LogOutput.standardError(format: .auto)
/// LoggingSystem.bootstrap { _ in LineLogHandler(output: output, level: .info) }
/// ```
public final class LogOutput: Sendable {
    private let format: any LogLineFormat
    private let sink: any LogSink
    private let clock: @Sendable () -> Int64
    private let limiter: Mutex<BurstLimiter>
    private let lostLines = Atomic<Int>(0)

    /// - Parameter clock: milliseconds since 1970 (UTC).
    public init(
        format: any LogLineFormat, sink: any LogSink, burst: BurstLimiter.Settings = BurstLimiter.Settings(),
        clock: @escaping @Sendable () -> Int64 = LogOutput.wallClockMs
    ) {
        self.format = format
        self.sink = sink
        self.clock = clock
        limiter = Mutex(BurstLimiter(settings: burst))
    }

    /// Standard error: coloured where it is a terminal and `NO_COLOR` is not set (no-color.org).
    public static func standardError(
        format: LogFormat, burst: BurstLimiter.Settings = BurstLimiter.Settings()
    ) -> LogOutput {
        let sink = DescriptorSink.standardError
        let isColourless = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        return LogOutput(
            format: format.lineFormat(isTerminal: sink.isTerminal, isColourless: isColourless), sink: sink,
            burst: burst
        )
    }

    /// Milliseconds since 1970 (UTC), from the system's clock.
    public static func wallClockMs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Writes a record, or counts it as left out.
    func log(level: Logger.Level, event: String?, message: String, metadata: Logger.Metadata) {
        let nowMs = clock()
        let key = Self.key(event: event, message: message, metadata: metadata)
        let (isAllowed, suppressed) = limiter.withLock { limiter in
            let suppressed = limiter.takeSuppressed(nowMs: nowMs)
            return (limiter.allows(key, nowMs: nowMs), suppressed)
        }
        report(suppressed, nowMs: nowMs)
        guard isAllowed else { return }
        write(LogRecord(unixMs: nowMs, level: level, event: event, message: message, metadata: metadata))
    }

    /// Tells of lines left out so far. To be called now and then (once a second), since without it they are told of
    /// only when the next line is written; and with `all` before the process ends.
    public func flush(all: Bool = false) {
        let nowMs = clock()
        report(limiter.withLock { $0.takeSuppressed(nowMs: nowMs, all: all) }, nowMs: nowMs)
    }

    /// An event is the same again where it is about the same node; a message, where its text is the same.
    private static func key(event: String?, message: String, metadata: Logger.Metadata) -> BurstLimiter.Key {
        guard let event else {
            return BurstLimiter.Key(event: "", subject: String(message.unicodeScalars.prefix(64)))
        }
        return BurstLimiter.Key(event: event, subject: metadata["node"]?.description ?? "")
    }

    private func report(_ suppressed: [BurstLimiter.Suppressed], nowMs: Int64) {
        for item in suppressed {
            var metadata: Logger.Metadata = ["lines": .stringConvertible(item.count)]
            if !item.key.event.isEmpty { metadata["of"] = .string(item.key.event) }
            if !item.key.subject.isEmpty {
                metadata[item.key.event.isEmpty ? "of" : "node"] = .string(item.key.subject)
            }
            writeNotice("lines left out: too many of the same within a second", metadata, nowMs: nowMs)
        }
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
        let event = LogEventName.logSuppressed.text
        let notice = LogRecord(unixMs: nowMs, level: .warning, event: event, message: message, metadata: metadata)
        if !put(notice) { lostLines.wrappingAdd(1, ordering: .relaxed) }
    }

    private func put(_ record: LogRecord) -> Bool {
        var line: [UInt8] = []
        line.reserveCapacity(512)
        format.append(record, to: &line)
        return sink.write(line)
    }
}
