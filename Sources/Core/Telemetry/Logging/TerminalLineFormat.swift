import Logging

/// Lines for people: `12:34:56.789Z WARN  DB_CONNECT_FAILURE cannot connect node=g1 error="timed out"`.
///
/// Control characters are written as escapes: a value that came from outside must not be able to move the cursor,
/// change colours or fake a line of its own.
public struct TerminalLineFormat: LogLineFormat {
    private let isColoured: Bool

    public init(isColoured: Bool) {
        self.isColoured = isColoured
    }

    public func append(_ record: LogRecord, to line: inout [UInt8]) {
        let start = line.count
        paint("2", &line) { Timestamp.appendTime(unixMs: record.unixMs, to: &$0) }
        line.append(UInt8(ascii: " "))
        paint(Self.colour(record.level), &line) { $0.append(text: Self.name(record.level)) }
        line.append(UInt8(ascii: " "))
        if let event = record.event {
            paint("1", &line) { $0.append(plain: event, maxBytes: LogLimits.maxKeyBytes) }
            line.append(UInt8(ascii: " "))
        }
        line.append(plain: record.message, maxBytes: LogLimits.maxMessageBytes)
        let end = start + LogLimits.maxLineBytes - LogLimits.reserveBytes
        for (key, value) in record.fields {
            let beforeField = line.count
            line.append(UInt8(ascii: " "))
            paint("2", &line) {
                $0.append(plain: key, maxBytes: LogLimits.maxKeyBytes)
                $0.append(UInt8(ascii: "="))
            }
            Self.append(value.description, to: &line)
            if line.count > end {
                line.removeSubrange(beforeField...)
                line.append(text: " ...")
                break
            }
        }
        line.append(UInt8(ascii: "\n"))
    }

    private static func append(_ value: String, to line: inout [UInt8]) {
        let isBare = !value.isEmpty && value.utf8.allSatisfy { $0 > 32 && $0 != UInt8(ascii: "\"") }
        if isBare {
            line.append(plain: value, maxBytes: LogLimits.maxValueBytes)
        } else {
            line.append(json: value, maxBytes: LogLimits.maxValueBytes)
        }
    }

    /// Wraps what `write` appends in a colour (ECMA-48, "select graphic rendition").
    private func paint(_ code: String, _ line: inout [UInt8], _ write: (inout [UInt8]) -> Void) {
        if isColoured { line.append(text: "\u{1B}[\(code)m") }
        write(&line)
        if isColoured { line.append(text: "\u{1B}[0m") }
    }

    /// Five characters, so that what follows stands in one column.
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
    /// Text with control characters as escapes, cut at a character and marked with an ellipsis where it would take
    /// more than `maxBytes`.
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
                append(text: "\\x")
                append(hex: UInt8(scalar.value))
            default:
                append(contentsOf: scalar.utf8)
            }
        }
    }
}
