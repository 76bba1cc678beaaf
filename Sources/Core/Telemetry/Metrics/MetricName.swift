/// Why a family could not be registered. All of these are programming errors, found at start.
public enum MetricError: Error, Equatable, CustomStringConvertible {
    /// Not `[a-zA-Z_:][a-zA-Z0-9_:]*` of at most 200 bytes, or with a suffix of another type.
    case badName(String)
    /// Not `[a-zA-Z_][a-zA-Z0-9_]*`, beginning with `__`, repeated, or `le` on a histogram.
    case badLabel(String)
    /// Not ascending, not finite, or more than 100.
    case badBuckets(String)
    /// The name, or a sample name of the family, is used by a family of another type or with other labels.
    case nameTaken(String)
    /// The registry is full.
    case tooManyFamilies(Int)

    public var description: String {
        switch self {
        case .badName(let name): "not a valid metric name for its type: \(name)"
        case .badLabel(let name): "not a valid label name here: \(name)"
        case .badBuckets(let name): "histogram bounds must be finite, ascending and at most 100: \(name)"
        case .nameTaken(let name): "the metric name is taken by another family: \(name)"
        case .tooManyFamilies(let limit): "more than \(limit) metric families"
        }
    }
}

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

    /// Every name that such a family uses, in both formats.
    func sampleNames(_ name: String) -> [String] {
        switch self {
        case .counter: [name, String(name.dropLast("_total".count))]
        case .gauge: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }
}
