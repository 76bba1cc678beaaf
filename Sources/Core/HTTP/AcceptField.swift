/// The media ranges of an `Accept` field (RFC 9110, section 12.5.1). A range with a malformed `q` has the weight 0.
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

        /// How precisely this range matches `wanted`: 3 for the same type, 2 for a range such as `text/*`, 1 for `*/*`,
        /// otherwise 0.
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

    /// The weight, from 0 to 1, of the most specific range that matches `type`; 0 if none matches. The highest weight
    /// counts if several ranges are equally specific.
    /// - Parameters:
    ///   - version: ranges with another `version` do not match; nil for any version.
    ///   - includingWildcards: whether ranges such as `*/*` and `text/*` match.
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
