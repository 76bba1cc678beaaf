/// An `Accept` field (RFC 9110, section 12.5.1), as far as it matters here: which types it names.
struct AcceptedTypes {
    private let ranges: [Substring]

    init(_ field: String) { ranges = field.split(separator: ",") }

    /// True where it names `type` itself, whatever its case, and does not refuse it with `q=0`.
    func names(_ type: String) -> Bool {
        ranges.contains { range in
            let parts = range.split(separator: ";").map { $0.lowercased().filter { $0 != " " && $0 != "\t" } }
            return parts.first == type && !parts.dropFirst().contains(where: Self.isZero)
        }
    }

    private static func isZero(_ parameter: String) -> Bool {
        parameter.hasPrefix("q=") && (Double(parameter.dropFirst(2)) ?? 1) == 0
    }
}
