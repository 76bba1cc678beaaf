import Synchronization

/// The metrics of a process, and the page for a scrape.
///
/// Families are registered at start. Any thread updates their series without a lock, and a scrape blocks nobody. The
/// number of series per family and the length of label values are limited.
public final class PrometheusRegistry: Sendable {
    /// Limit of series per family. Further ones share one extra series whose label values are all `overflow`.
    public let maxSeriesPerFamily: Int

    private let state = Mutex(State())
    private let lastPageBytes = Atomic<Int>(4_096)

    private struct State {
        var families: [any MetricFamily] = []
        /// All names that the families use.
        var names: Set<String> = []
        var hooks: [@Sendable () -> Void] = []
    }

    public init(maxSeriesPerFamily: Int = 1_000) {
        precondition(maxSeriesPerFamily >= 1, "a registry needs room for one series")
        self.maxSeriesPerFamily = maxSeriesPerFamily
    }

    /// Registers counters.
    /// - Precondition: the name is new, valid, and ends in `_total`; the labels are valid.
    public func counter(_ name: String, help: String, labels: [String] = []) -> CounterFamily {
        register(CounterFamily(header: header(name, help: help, kind: .counter, labels: labels)))
    }

    /// Registers gauges.
    /// - Precondition: the name is new and valid; the labels are valid.
    public func gauge(_ name: String, help: String, labels: [String] = []) -> GaugeFamily {
        register(GaugeFamily(header: header(name, help: help, kind: .gauge, labels: labels)))
    }

    /// Registers histograms of durations.
    /// - Parameter buckets: upper bounds in seconds.
    /// - Precondition: the name is new and valid; the labels and buckets are valid.
    public func histogram(
        _ name: String, help: String, labels: [String] = [], buckets: HistogramBuckets = .latencySeconds
    ) -> HistogramFamily {
        precondition(buckets.areValid, "histogram bounds must be finite, ascending and at most 100: \(name)")
        let header = header(name, help: help, kind: .histogram, labels: labels)
        return register(HistogramFamily(header: header, buckets: buckets))
    }

    /// Runs `hook` at the beginning of each scrape, on the scraping thread. Scrapes may overlap.
    public func beforeScrape(_ hook: @escaping @Sendable () -> Void) {
        state.withLock { $0.hooks.append(hook) }
    }

    /// All families sorted by name, their series sorted by labels.
    public func page(_ format: ExpositionFormat) -> [UInt8] {
        let (families, hooks) = state.withLock { ($0.families, $0.hooks) }
        for hook in hooks { hook() }
        var out: [UInt8] = []
        out.reserveCapacity(lastPageBytes.load(ordering: .relaxed) + 256)
        for family in families {
            Self.append(family.header, format, to: &out)
            family.appendSamples(to: &out)
        }
        if format == .openMetrics { out.append(text: "# EOF\n") }
        lastPageBytes.store(out.count, ordering: .relaxed)
        return out
    }

    private static func append(_ header: FamilyHeader, _ format: ExpositionFormat, to out: inout [UInt8]) {
        // In OpenMetrics the name of a counter's family lacks the suffix of its samples.
        let isBare = format == .openMetrics && header.kind == .counter
        let name = isBare ? String(header.name.dropLast("_total".count)) : header.name
        out.append(text: "# HELP ")
        out.append(text: name)
        out.append(UInt8(ascii: " "))
        switch format {
        case .text: out.append(help: header.help)
        case .openMetrics: out.append(quoted: header.help.utf8)
        }
        out.append(text: "\n# TYPE ")
        out.append(text: name)
        out.append(UInt8(ascii: " "))
        out.append(text: header.kind.rawValue)
        out.append(UInt8(ascii: "\n"))
    }

    /// The labels of the family `name`; nil if there is no such family.
    func labelNames(of name: String) -> [String]? {
        state.withLock { state in state.families.first { $0.header.name == name }?.header.labelNames }
    }

    private func header(_ name: String, help: String, kind: MetricKind, labels: [String]) -> FamilyHeader {
        precondition(kind.allows(name), "not a valid name for a \(kind.rawValue): \(name)")
        precondition(kind.allows(labels: labels), "not valid labels of \(name): \(labels)")
        return FamilyHeader(name: name, help: help, kind: kind, labelNames: labels, maxSeries: maxSeriesPerFamily)
    }

    private func register<Family: MetricFamily>(_ family: Family) -> Family {
        let header = family.header
        state.withLock { state in
            for name in header.kind.sampleNames(header.name) {
                precondition(state.names.insert(name).inserted, "the metric name is taken: \(name)")
            }
            let index = state.families.firstIndex { header.name < $0.header.name } ?? state.families.count
            state.families.insert(family, at: index)
        }
        return family
    }
}

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
}
