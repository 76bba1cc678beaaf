import Logging

/// One JSON object a line: `ts`, `level`, `event` where there is one, `msg`, then the metadata in the order of its keys.
///
/// Numbers and booleans given as `.stringConvertible` stay numbers and booleans. A line that would be too long loses
/// its last fields and says `"truncated":true`; it is a valid object in any case (RFC 8259).
public struct JSONLineFormat: LogLineFormat {
    public init() {}

    public func append(_ record: LogRecord, to line: inout [UInt8]) {
        let start = line.count
        line.append(text: "{\"ts\":\"")
        Timestamp.append(unixMs: record.unixMs, to: &line)
        line.append(text: "\",\"level\":\"")
        line.append(text: record.level.rawValue)
        line.append(UInt8(ascii: "\""))
        if let event = record.event {
            line.append(text: ",\"event\":")
            line.append(json: event, maxBytes: LogLimits.maxKeyBytes)
        }
        line.append(text: ",\"msg\":")
        line.append(json: record.message, maxBytes: LogLimits.maxMessageBytes)
        let end = start + LogLimits.maxLineBytes - LogLimits.reserveBytes
        for (key, value) in record.fields {
            let beforeField = line.count
            line.append(UInt8(ascii: ","))
            line.append(json: Self.isOurs(key) ? "metadata.\(key)" : key, maxBytes: LogLimits.maxKeyBytes)
            line.append(UInt8(ascii: ":"))
            Self.append(value, to: &line, end: end)
            if line.count > end {
                line.removeSubrange(beforeField...)
                line.append(text: ",\"truncated\":true")
                break
            }
        }
        line.append(text: "}\n")
    }

    private static func isOurs(_ key: String) -> Bool {
        ["ts", "level", "event", "msg", "truncated"].contains(key)
    }

    /// Writes a value. Once past `end` it stops caring for completeness: the field will be taken back.
    private static func append(_ value: Logger.MetadataValue, to line: inout [UInt8], end: Int) {
        switch value {
        case .string(let text):
            line.append(json: text, maxBytes: LogLimits.maxValueBytes)
        case .stringConvertible(let convertible):
            switch convertible {
            case let flag as Bool: line.append(text: flag ? "true" : "false")
            case let number as any FixedWidthInteger: line.append(text: String(describing: number))
            case let number as Double where number.isFinite: line.append(sample: number)
            default: line.append(json: convertible.description, maxBytes: LogLimits.maxValueBytes)
            }
        case .array(let values):
            line.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() where line.count <= end {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                append(value, to: &line, end: end)
            }
            line.append(UInt8(ascii: "]"))
        case .dictionary:
            line.append(json: value.description, maxBytes: LogLimits.maxValueBytes)
        }
    }
}

extension [UInt8] {
    /// A JSON string in quotes, cut at a character and marked with an ellipsis where it would take more than
    /// `maxBytes`.
    mutating func append(json text: String, maxBytes: Int) {
        let start = count
        append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            if count - start > maxBytes - 12 {
                append(contentsOf: "…".utf8)
                break
            }
            switch scalar {
            case "\"": append(text: "\\\"")
            case "\\": append(text: "\\\\")
            case "\n": append(text: "\\n")
            case "\r": append(text: "\\r")
            case "\t": append(text: "\\t")
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}":
                append(text: "\\u00")
                append(hex: UInt8(scalar.value))
            default:
                append(contentsOf: scalar.utf8)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// Two lower-case digits.
    mutating func append(hex byte: UInt8) {
        let digits = StaticString("0123456789abcdef")
        append(digits.utf8Start[Int(byte >> 4)])
        append(digits.utf8Start[Int(byte & 15)])
    }
}
