import JSON
import Logging

/// One JSON object per line: `ts`, `level`, `event` if there is one, `msg`, then the metadata sorted by key.
///
/// Integers and booleans given as `.stringConvertible` stay integers and booleans. A line that would be too long loses
/// its last fields and has `"truncated":true`. It is always a valid JSON object (RFC 8259).
struct JSONLine: LogLine {
    private var json = JSONWriter(capacity: 512)

    var count: Int { json.bytes.count }

    mutating func begin(_ record: LogRecord) {
        json.beginObject()
        json.member("ts", record.dateAndTime)
        json.member("level", record.level.rawValue)
        if let event = record.event {
            json.key("event")
            json.string(event, maxBytes: LogLimits.maxKeyBytes)
        }
        json.key("msg")
        json.string(record.message, maxBytes: LogLimits.maxMessageBytes)
    }

    mutating func append(_ key: String, _ value: Logger.MetadataValue) {
        let isReserved = ["ts", "level", "event", "msg", "truncated"].contains(key)
        json.key(isReserved ? "metadata.\(key)" : key, maxBytes: LogLimits.maxKeyBytes)
        switch value {
        case .stringConvertible(let flag as Bool): json.bool(flag)
        case .stringConvertible(let number as any FixedWidthInteger): json.integer(number)
        default: json.string(value.description, maxBytes: LogLimits.maxValueBytes)
        }
    }

    mutating func markTruncated() { json.member("truncated", true) }

    mutating func end() -> [UInt8] {
        json.endObject()
        return json.line()
    }
}

/// Lines for people: `12:34:56.789Z WARN  DB_CONNECT_FAILURE cannot connect node=g1 error="timed out"`.
///
/// Control characters are escaped: a value from outside must not move the cursor, change colours or fake a line.
struct TerminalLine: LogLine {
    private let isColoured: Bool
    private var text = ""

    init(isColoured: Bool) { self.isColoured = isColoured }

    var count: Int { text.utf8.count }

    mutating func begin(_ record: LogRecord) {
        let (level, colour) = Self.style(record.level)
        paint("2", record.timeOfDay)
        text += " "
        paint(colour, level)
        text += " "
        if let event = record.event {
            paint("1", Self.plain(event, maxBytes: LogLimits.maxKeyBytes))
            text += " "
        }
        text += Self.plain(record.message, maxBytes: LogLimits.maxMessageBytes)
    }

    mutating func append(_ key: String, _ value: Logger.MetadataValue) {
        text += " "
        paint("2", Self.plain(key, maxBytes: LogLimits.maxKeyBytes) + "=")
        let value = value.description
        if !value.isEmpty, value.utf8.allSatisfy({ $0 > 32 && $0 != UInt8(ascii: "\"") }) {
            text += Self.plain(value, maxBytes: LogLimits.maxValueBytes)
        } else {
            var json = JSONWriter()
            json.string(value, maxBytes: LogLimits.maxValueBytes)
            text += String(decoding: json.bytes, as: UTF8.self)
        }
    }

    mutating func markTruncated() { text += " ..." }

    mutating func end() -> [UInt8] { Array(text.utf8) + [UInt8(ascii: "\n")] }

    /// Appends `part` in a colour (ECMA-48, "select graphic rendition").
    private mutating func paint(_ code: String, _ part: String) {
        text += isColoured ? "\u{1B}[\(code)m\(part)\u{1B}[0m" : part
    }

    /// The level's name in five characters, so that the text after it is aligned, and its colour.
    private static func style(_ level: Logger.Level) -> (name: String, colour: String) {
        switch level {
        case .trace: ("TRACE", "2")
        case .debug: ("DEBUG", "2")
        case .info: ("INFO ", "32")
        case .notice: ("NOTE ", "36")
        case .warning: ("WARN ", "33")
        case .error: ("ERROR", "31")
        case .critical: ("CRIT ", "1;31")
        }
    }

    /// A text with escaped control characters. If it would exceed `maxBytes`, it is cut between characters and marked
    /// with an ellipsis.
    private static func plain(_ text: String, maxBytes: Int) -> String {
        var plain = ""
        for scalar in text.unicodeScalars {
            guard plain.utf8.count <= maxBytes - 9 else { return plain + "…" }
            switch scalar {
            case "\n": plain += "\\n"
            case "\r": plain += "\\r"
            case "\t": plain += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}":
                plain += (scalar.value < 16 ? "\\x0" : "\\x") + String(scalar.value, radix: 16)
            default: plain.unicodeScalars.append(scalar)
            }
        }
        return plain
    }
}
