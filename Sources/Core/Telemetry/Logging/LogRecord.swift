import Logging

/// One record of the log, before it is formatted.
public struct LogRecord: Sendable {
    /// Milliseconds since 1970 (UTC).
    public var unixMs: Int64
    public var level: Logger.Level
    /// The event's name, removed from the metadata.
    public var event: String?
    public var message: String
    public var metadata: Logger.Metadata

    /// The metadata key that carries an event's name.
    static let eventKey = "event"

    public init(
        unixMs: Int64, level: Logger.Level, event: String?, message: String, metadata: Logger.Metadata
    ) {
        self.unixMs = unixMs
        self.level = level
        self.event = event
        self.message = message
        self.metadata = metadata
    }

    /// Metadata sorted by key, with nested dictionaries flattened: `["a": ["b": "c"]]` is `a.b` = `c`.
    var fields: [(key: String, value: Logger.MetadataValue)] {
        var fields: [(key: String, value: Logger.MetadataValue)] = []
        Self.flatten(metadata, prefix: "", depth: 0, into: &fields)
        return fields.sorted { $0.key < $1.key }
    }

    private static func flatten(
        _ metadata: Logger.Metadata, prefix: String, depth: Int,
        into fields: inout [(key: String, value: Logger.MetadataValue)]
    ) {
        for (key, value) in metadata {
            if case .dictionary(let inner) = value, depth < maxDepth {
                flatten(inner, prefix: prefix + key + ".", depth: depth + 1, into: &fields)
            } else {
                fields.append((prefix + key, value))
            }
        }
    }

    /// Nesting of dictionaries that is flattened; deeper ones are written as text.
    private static let maxDepth = 4
}

/// Formats a record as one line, its line feed included, of at most ``LogLimits/maxLineBytes``.
public protocol LogLineFormat: Sendable {
    func line(of record: LogRecord) -> [UInt8]
}

/// A line in progress: what the formats differ in.
protocol LogLine {
    /// Bytes so far.
    var count: Int { get }
    /// Everything before the metadata.
    mutating func begin(_ record: LogRecord)
    mutating func append(_ key: String, _ value: Logger.MetadataValue)
    /// Marks a line whose last fields did not fit.
    mutating func markTruncated()
    mutating func end() -> [UInt8]
}

extension LogRecord {
    /// Writes the record to `line`, with as many fields as fit.
    func write<Line: LogLine>(_ line: Line) -> [UInt8] {
        var line = line
        line.begin(self)
        for (key, value) in fields {
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
}

/// Limits of lines and their parts.
public enum LogLimits {
    /// The longest line, in bytes: PIPE_BUF on Linux, so that lines of processes that share a pipe do not interleave.
    public static let maxLineBytes = 4_096
    /// The longest message, in bytes as written.
    static let maxMessageBytes = 2_048
    /// The longest value of a field, in bytes as written.
    static let maxValueBytes = 1_024
    /// The longest key of a field, in bytes as written.
    static let maxKeyBytes = 128
    /// Bytes reserved for the mark of a truncated line.
    static let reserveBytes = 32
}
