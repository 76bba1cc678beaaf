/// The media ranges of an `Accept` field (RFC 9110, section 12.5.1). An invalid field is parsed as far as possible.
public struct AcceptField {
    private struct Range {
        let type: Substring
        var version: Substring?
        var weight = 1.0

        init(_ element: Substring) {
            let parts = element.split(separator: ";")
            type = parts.first ?? ""
            for part in parts.dropFirst() {
                if part.hasPrefix("version=") { version = part.dropFirst(8) }
                guard part.hasPrefix("q=") else { continue }
                let number = Double(part.dropFirst(2)) ?? 0
                weight = number.isFinite ? min(1, max(0, number)) : 0
            }
        }

        /// 3 for the type itself, 2 for all of its subtypes, 1 for any type, 0 for another type.
        func precision(for wanted: String) -> Int {
            if type == wanted { return 3 }
            if type == "*/*" { return 1 }
            return type.hasSuffix("/*") && wanted.hasPrefix(type.dropLast()) ? 2 : 0
        }
    }

    private let ranges: [Range]

    public init(_ field: String) {
        let text = field.lowercased().filter { $0 != " " && $0 != "\t" && $0 != "\"" }
        ranges = text.split(separator: ",").map(Range.init)
    }

    /// The weight from 0 to 1 that the most specific matching range gives `type`; 0 if none matches.
    /// - Parameters:
    ///   - version: ranges with another `version` do not match; nil for any version.
    ///   - includingWildcards: whether `*/*` and `text/*` match.
    public func weight(of type: String, version: String? = nil, includingWildcards: Bool = false) -> Double {
        var best = (precision: includingWildcards ? 1 : 3, weight: 0.0)
        for range in ranges where version == nil || range.version == nil || range.version! == version! {
            let precision = range.precision(for: type)
            if precision > best.precision { best = (precision, range.weight) }
            if precision == best.precision { best.weight = max(best.weight, range.weight) }
        }
        return best.weight
    }
}
