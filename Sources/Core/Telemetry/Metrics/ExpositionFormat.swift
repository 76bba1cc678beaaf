/// The two formats that a scraper can request.
public enum ExpositionFormat: Sendable, CaseIterable {
    /// The Prometheus text format, version 0.0.4.
    case text
    /// OpenMetrics 1.0.0.
    case openMetrics

    public var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format for an `Accept` field (RFC 9110, section 12.5.1).
    ///
    /// OpenMetrics if the field names it, in version 1.0.0 or none, with a weight above zero and not below that of the text
    /// format. Otherwise the text format: without a field, for wildcards (browsers, curl), and for unknown types. An invalid
    /// field is parsed as far as possible; a scrape is never rejected because of it.
    public static func negotiate(accept: String?) -> ExpositionFormat {
        guard let accept else { return .text }
        var openMetrics = 0.0
        // The most specific range that matches the text format gives its weight.
        var text = 0.0
        var textPrecision = 0
        for element in accept.utf8.split(separator: UInt8(ascii: ",")) {
            guard let range = MediaRange(element) else { continue }
            let precision: Int
            switch range.type {
            case "application/openmetrics-text" where range.version == nil || range.version == "1.0.0":
                openMetrics = max(openMetrics, range.weight)
                continue
            case "text/plain" where range.version == nil || range.version == "0.0.4": precision = 3
            case "text/*": precision = 2
            case "*/*": precision = 1
            default: continue
            }
            guard precision > textPrecision else { continue }
            text = range.weight
            textPrecision = precision
        }
        return openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }
}

/// One element of an `Accept` header.
private struct MediaRange {
    let type: String
    var version: String?
    var weight = 1.0

    init?(_ element: Substring.UTF8View) {
        let parts = element.split(separator: UInt8(ascii: ";"))
        guard let first = parts.first else { return nil }
        type = Self.trimmed(first).lowercased()
        for part in parts.dropFirst() {
            let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1)
            guard pair.count == 2 else { continue }
            let value = Self.trimmed(pair[1])
            switch Self.trimmed(pair[0]).lowercased() {
            case "q": weight = Double(value).map { $0.isFinite ? min(1, max(0, $0)) : 0 } ?? 0
            case "version": version = value
            default: continue
            }
        }
    }

    /// Without the blanks and quotation marks around it.
    private static func trimmed(_ text: Substring.UTF8View) -> String {
        let isOuter: (UInt8) -> Bool = { $0 == 32 || $0 == 9 || $0 == UInt8(ascii: "\"") }
        var rest = text.drop(while: isOuter)
        while let last = rest.last, isOuter(last) { rest.removeLast() }
        return String(rest) ?? ""
    }
}
