import JSON
import Logging

/// One JSON object per line: `ts`, `level`, `event` if there is one, `msg`, then the metadata sorted by key.
///
/// Numbers and booleans given as `.stringConvertible` stay numbers and booleans. A line that would be too long loses
/// its last fields and has `"truncated":true`; it is a valid object in any case (RFC 8259).
public struct JSONLineFormat: LogLineFormat {
    public init() {}

    public func line(of record: LogRecord) -> [UInt8] { record.write(JSONLine()) }
}

private struct JSONLine: LogLine {
    private var json = JSONWriter(capacity: 512)

    var count: Int { json.bytes.count }

    mutating func begin(_ record: LogRecord) {
        json.beginObject()
        json.member("ts", Timestamp.dateAndTime(unixMs: record.unixMs))
        json.member("level", record.level.rawValue)
        if let event = record.event {
            json.key("event")
            json.string(event, maxBytes: LogLimits.maxKeyBytes)
        }
        json.key("msg")
        json.string(record.message, maxBytes: LogLimits.maxMessageBytes)
    }

    mutating func append(_ key: String, _ value: Logger.MetadataValue) {
        json.key(Self.isReserved(key) ? "metadata.\(key)" : key, maxBytes: LogLimits.maxKeyBytes)
        append(value)
    }

    private static func isReserved(_ key: String) -> Bool {
        ["ts", "level", "event", "msg", "truncated"].contains(key)
    }

    private mutating func append(_ value: Logger.MetadataValue) {
        switch value {
        case .stringConvertible(let flag as Bool): json.bool(flag)
        case .stringConvertible(let number as any FixedWidthInteger): json.number(String(describing: number))
        case .stringConvertible(let number as Double) where number.isFinite: json.number(number.description)
        case .array(let values):
            json.beginArray()
            // A line that is too long already loses this field.
            for value in values where count <= LogLimits.maxLineBytes { append(value) }
            json.endArray()
        default: json.string(value.description, maxBytes: LogLimits.maxValueBytes)
        }
    }

    mutating func markTruncated() { json.member("truncated", true) }

    mutating func end() -> [UInt8] {
        json.endObject()
        return json.line()
    }
}
