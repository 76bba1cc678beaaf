import Glibc
import Logging

/// One record of the log, before it is formatted.
struct LogRecord: Sendable {
    /// Milliseconds since 1970 (UTC).
    var unixMs: Int64
    var level: Logger.Level
    /// The event's name, which is not in ``metadata``.
    var event: String?
    var message: String
    var metadata: Logger.Metadata

    /// The metadata key that carries an event's name.
    static let eventKey = "event"
}

/// The format of log lines.
enum LineFormat: Sendable, Equatable {
    case json
    case terminal(isColoured: Bool)

    /// One line, its line feed included, of at most ``LogLimits/maxLineBytes``.
    func line(of record: LogRecord) -> [UInt8] {
        switch self {
        case .json: record.write(JSONLine())
        case .terminal(let isColoured): record.write(TerminalLine(isColoured: isColoured))
        }
    }
}

/// A line that is being written. Each format has its own implementation.
protocol LogLine {
    /// The number of bytes written so far.
    var count: Int { get }
    /// Writes everything before the metadata.
    mutating func begin(_ record: LogRecord)
    mutating func append(_ key: String, _ value: Logger.MetadataValue)
    /// Marks a line whose last fields did not fit.
    mutating func markTruncated()
    mutating func end() -> [UInt8]
}

extension LogRecord {
    /// Writes the record to `line`, with as many fields as fit, sorted by key.
    fileprivate func write(_ line: some LogLine) -> [UInt8] {
        var line = line
        line.begin(self)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            let before = line
            line.append(key, value)
            guard line.count <= LogLimits.maxLineBytes - LogLimits.reserveBytes else {
                line = before
                line.markTruncated()
                break
            }
        }
        return line.end()
    }

    /// `2026-03-01T12:34:56.789Z` (RFC 3339).
    var dateAndTime: String { Timestamp(unixMs: unixMs).dateAndTime }

    /// `12:34:56.789Z`.
    var timeOfDay: String { Timestamp(unixMs: unixMs).timeOfDay }
}

/// Limits of log lines and their parts, in bytes as written.
enum LogLimits {
    /// The longest line: PIPE_BUF on Linux, so that lines of processes that share a pipe do not interleave.
    static let maxLineBytes = 4_096
    static let maxMessageBytes = 2_048
    /// The longest value of a field.
    static let maxValueBytes = 1_024
    /// The longest key of a field.
    static let maxKeyBytes = 128
    /// Reserved for `"truncated":true` or `...` at the end of a truncated line.
    static let reserveBytes = 32
}
