/// The types of metric families. Rules for names: prometheus.io, *Data model* and *Metric and label naming*;
/// OpenMetrics 1.0.0.
public enum MetricKind: String, Sendable {
    case counter
    case gauge
    case histogram

    /// Whether a family of this type may have that name. OpenMetrics distinguishes the types by suffixes.
    func allows(_ name: String) -> Bool {
        guard Self.isIdentifier(name) else { return false }
        switch self {
        case .counter: return name.hasSuffix("_total") && name != "_total"
        case .gauge: return !name.hasSuffix("_total")
        case .histogram: return !["_total", "_count", "_sum", "_bucket"].contains { name.hasSuffix($0) }
        }
    }

    /// Whether a family of this type may have those labels. Histograms use the label `le` themselves. Names that begin
    /// with two underscores are reserved for Prometheus.
    func allows(labels: [String]) -> Bool {
        Set(labels).count == labels.count && labels.allSatisfy { Self.isIdentifier($0) && !$0.hasPrefix("__") }
            && !(self == .histogram && labels.contains("le"))
    }

    private static func isIdentifier(_ name: String) -> Bool {
        name.first?.isNumber == false
            && name.allSatisfy { $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) }
    }

    /// Every name that a family of this type uses, in both formats.
    func sampleNames(_ name: String) -> [String] {
        switch self {
        case .counter: [name, String(name.dropLast("_total".count))]
        case .gauge: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }
}
