/// Rules for names: prometheus.io, *Data model* and *Metric and label naming*; OpenMetrics 1.0.0.
enum MetricName {
    static let maxBytes = 200

    static func isValid(_ name: String) -> Bool {
        isIdentifier(name) { $0 == UInt8(ascii: ":") }
    }

    /// Names that begin with two underscores are reserved for Prometheus.
    static func isValidLabel(_ name: String) -> Bool {
        isIdentifier(name) { _ in false } && !name.utf8.starts(with: "__".utf8)
    }

    private static func isIdentifier(_ name: String, also isExtra: (UInt8) -> Bool) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= maxBytes else { return false }
        return !isDigit(first) && name.utf8.allSatisfy { isWordByte($0) || isExtra($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
        default: isDigit(byte)
        }
    }
}

/// The types of metric families.
enum MetricKind: String, Sendable {
    case counter
    case gauge
    case histogram

    /// Whether a family of this type may have that name: OpenMetrics distinguishes types by suffix.
    func allows(_ name: String) -> Bool {
        guard MetricName.isValid(name) else { return false }
        switch self {
        case .counter:
            return name.utf8.count > "_total".utf8.count && name.hasSuffix("_total")
        case .gauge:
            return !name.hasSuffix("_total")
        case .histogram:
            return !["_total", "_count", "_sum", "_bucket"].contains { name.hasSuffix($0) }
        }
    }

    /// Whether a family of this type may have those labels. Histograms use `le` themselves.
    func allows(labels: [String]) -> Bool {
        Set(labels).count == labels.count && labels.allSatisfy(MetricName.isValidLabel)
            && !(self == .histogram && labels.contains("le"))
    }

    /// Every name that such a family uses, in both formats.
    func sampleNames(_ name: String) -> [String] {
        switch self {
        case .counter: [name, String(name.dropLast("_total".count))]
        case .gauge: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }
}
