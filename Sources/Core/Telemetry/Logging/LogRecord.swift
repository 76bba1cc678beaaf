import Logging

/// One thing to be logged, before it is a line.
public struct LogRecord: Sendable {
    /// Milliseconds since 1970 (UTC).
    public var unixMs: Int64
    public var level: Logger.Level
    /// The event's name, taken out of the metadata.
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

    /// Metadata in the order of its keys, dictionaries inside it flattened: `["a": ["b": "c"]]` is `a.b` = `c`.
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

    /// Dictionaries inside dictionaries that are followed; deeper ones are written as text.
    private static let maxDepth = 4
}

/// Makes a line of a record.
public protocol LogLineFormat: Sendable {
    /// Appends the line, its line feed included, of at most ``LogLimits/maxLineBytes``.
    func append(_ record: LogRecord, to line: inout [UInt8])
}

/// How long lines and their parts may be.
public enum LogLimits {
    /// The longest line in bytes: what a pipe takes at once (PIPE_BUF on Linux), so that lines of several processes
    /// that share one pipe do not mix.
    public static let maxLineBytes = 4_096
    /// The longest message, in bytes as written.
    static let maxMessageBytes = 2_048
    /// The longest value of a field, in bytes as written.
    static let maxValueBytes = 1_024
    /// The longest key of a field, in bytes as written.
    static let maxKeyBytes = 128
    /// Bytes kept free for what says that a line was cut.
    static let reserveBytes = 32
}
