import JSON
import Logging

/// Lines for people: `12:34:56.789Z WARN  DB_CONNECT_FAILURE cannot connect node=g1 error="timed out"`.
///
/// Control characters are escaped: a value from outside must not move the cursor, change colours or fake a line.
public struct TerminalLineFormat: LogLineFormat {
    private let isColoured: Bool

    public init(isColoured: Bool) {
        self.isColoured = isColoured
    }

    public func line(of record: LogRecord) -> [UInt8] { record.write(TerminalLine(isColoured: isColoured)) }
}

private struct TerminalLine: LogLine {
    let isColoured: Bool
    private var bytes: [UInt8] = []

    init(isColoured: Bool) { self.isColoured = isColoured }

    var count: Int { bytes.count }

    mutating func begin(_ record: LogRecord) {
        paint("2") { $0.append(text: Timestamp.time(unixMs: record.unixMs)) }
        bytes.append(UInt8(ascii: " "))
        paint(Self.colour(record.level)) { $0.append(text: Self.name(record.level)) }
        bytes.append(UInt8(ascii: " "))
        if let event = record.event {
            paint("1") { $0.append(plain: event, maxBytes: LogLimits.maxKeyBytes) }
            bytes.append(UInt8(ascii: " "))
        }
        bytes.append(plain: record.message, maxBytes: LogLimits.maxMessageBytes)
    }

    mutating func append(_ key: String, _ value: Logger.MetadataValue) {
        bytes.append(UInt8(ascii: " "))
        paint("2") {
            $0.append(plain: key, maxBytes: LogLimits.maxKeyBytes)
            $0.append(UInt8(ascii: "="))
        }
        let text = value.description
        let isBare = !text.isEmpty && text.utf8.allSatisfy { $0 > 32 && $0 != UInt8(ascii: "\"") }
        if isBare {
            bytes.append(plain: text, maxBytes: LogLimits.maxValueBytes)
        } else {
            var json = JSONWriter()
            json.string(text, maxBytes: LogLimits.maxValueBytes)
            bytes += json.bytes
        }
    }

    mutating func markTruncated() { bytes.append(text: " ...") }

    mutating func end() -> [UInt8] { bytes + [UInt8(ascii: "\n")] }

    /// Wraps what `write` appends in a colour (ECMA-48, "select graphic rendition").
    private mutating func paint(_ code: String, _ write: (inout [UInt8]) -> Void) {
        if isColoured { bytes.append(text: "\u{1B}[\(code)m") }
        write(&bytes)
        if isColoured { bytes.append(text: "\u{1B}[0m") }
    }

    /// Five characters, so that the rest is aligned.
    private static func name(_ level: Logger.Level) -> String {
        switch level {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info: "INFO "
        case .notice: "NOTE "
        case .warning: "WARN "
        case .error: "ERROR"
        case .critical: "CRIT "
        }
    }

    private static func colour(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "2"
        case .info: "32"
        case .notice: "36"
        case .warning: "33"
        case .error: "31"
        case .critical: "1;31"
        }
    }
}

extension [UInt8] {
    /// Text with escaped control characters, cut at a character and marked with an ellipsis if it would exceed
    /// `maxBytes`.
    mutating func append(plain text: String, maxBytes: Int) {
        let start = count
        for scalar in text.unicodeScalars {
            if count - start > maxBytes - 9 {
                append(contentsOf: "…".utf8)
                break
            }
            switch scalar {
            case "\n": append(text: "\\n")
            case "\r": append(text: "\\r")
            case "\t": append(text: "\\t")
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}":
                append(text: scalar.value < 16 ? "\\x0" : "\\x")
                append(text: String(scalar.value, radix: 16))
            default:
                append(contentsOf: scalar.utf8)
            }
        }
    }
}
