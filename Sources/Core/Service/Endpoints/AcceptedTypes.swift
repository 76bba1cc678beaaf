/// The types and weights of an `Accept` field (RFC 9110, section 12.5.1).
struct AcceptedTypes {
    private let ranges: [(type: String, quality: Double)]

    init(_ field: String) {
        ranges = field.split(separator: ",").map { range in
            let parts = range.split(separator: ";").map { $0.lowercased().filter { $0 != " " && $0 != "\t" } }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }
            return (parts.first ?? "", weight.flatMap { Double($0.dropFirst(2)) } ?? 1)
        }
    }

    /// True if it names `type`, in any case and without `q=0`, and does not give `other` a higher weight.
    func prefers(_ type: String, to other: String) -> Bool {
        let wanted = quality(of: type)
        return wanted > 0 && wanted >= quality(of: other)
    }

    private func quality(of type: String) -> Double {
        ranges.first { $0.type == type }?.quality ?? 0
    }
}
