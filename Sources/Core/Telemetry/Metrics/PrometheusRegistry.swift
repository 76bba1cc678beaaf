import Synchronization

/// The metrics of a process, and the page for a scrape.
///
/// Families are registered at start. Any thread updates their series without a lock, and a scrape blocks nobody. The numbers of
/// families and of series per family, and the length of label values, are limited.
public final class PrometheusRegistry: Sendable {
    /// Limit of families.
    public let maxFamilies: Int
    /// Limit of series per family. Further ones share one extra series whose label values are all `overflow`.
    public let maxSeriesPerFamily: Int

    private let state = Mutex(State())
    private let lastPageBytes = Atomic<Int>(4_096)

    private struct State {
        var families: [any MetricFamily] = []
        var owners: [String: any MetricFamily] = [:]
        var hooks: [@Sendable () -> Void] = []
    }

    public init(maxFamilies: Int = 500, maxSeriesPerFamily: Int = 1_000) {
        precondition(maxFamilies >= 1 && maxSeriesPerFamily >= 1, "a registry needs room for one series")
        self.maxFamilies = maxFamilies
        self.maxSeriesPerFamily = maxSeriesPerFamily
    }

    /// Registers counters, or returns the family with that name and the same labels.
    /// - Parameter name: must end in `_total`.
    public func counter(_ name: String, help: String, labels: [String] = []) throws(MetricError) -> CounterFamily {
        let header = try header(name, help: help, kind: .counter, labels: labels)
        return try register(header) { CounterFamily(header: header) }
    }

    /// Registers gauges, or returns the family with that name and the same labels.
    public func gauge(_ name: String, help: String, labels: [String] = []) throws(MetricError) -> GaugeFamily {
        let header = try header(name, help: help, kind: .gauge, labels: labels)
        return try register(header) { GaugeFamily(header: header) }
    }

    /// Registers histograms of durations, or returns the family with that name and the same labels and buckets.
    /// - Parameter buckets: upper bounds in seconds.
    public func histogram(
        _ name: String, help: String, labels: [String] = [], buckets: HistogramBuckets = .latencySeconds
    ) throws(MetricError) -> HistogramFamily {
        guard buckets.areValid else { throw .badBuckets(name) }
        let header = try header(name, help: help, kind: .histogram, labels: labels)
        let family = try register(header) { HistogramFamily(header: header, buckets: buckets) }
        guard family.buckets == buckets else { throw .nameTaken(name) }
        return family
    }

    /// Runs `hook` at the beginning of each scrape, on the scraping thread. Scrapes may overlap.
    public func beforeScrape(_ hook: @escaping @Sendable () -> Void) {
        state.withLock { $0.hooks.append(hook) }
    }

    /// The page for a scraper with this `Accept` field, and its content type.
    public func scrape(accept: String?) -> (contentType: String, body: [UInt8]) {
        let format = ExpositionFormat.negotiate(accept: accept)
        return (format.contentType, page(format))
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

    private func header(
        _ name: String, help: String, kind: MetricKind, labels: [String]
    ) throws(MetricError) -> FamilyHeader {
        guard kind.allows(name) else { throw .badName(name) }
        for (index, label) in labels.enumerated() {
            let isRepeated = labels[..<index].contains(label)
            guard MetricName.isValidLabel(label), !isRepeated, !(kind == .histogram && label == "le") else {
                throw .badLabel(label)
            }
        }
        return FamilyHeader(name: name, help: help, kind: kind, labelNames: labels, maxSeries: maxSeriesPerFamily)
    }

    private func register<Family: MetricFamily>(
        _ header: FamilyHeader, make: () -> Family
    ) throws(MetricError) -> Family {
        try state.withLock { state throws(MetricError) -> Family in
            let names = header.kind.sampleNames(header.name)
            if let present = state.owners[header.name] as? Family, present.header.name == header.name,
                present.header.labelNames == header.labelNames
            {
                return present
            }
            guard names.allSatisfy({ state.owners[$0] == nil }) else { throw .nameTaken(header.name) }
            guard state.families.count < maxFamilies else { throw .tooManyFamilies(maxFamilies) }
            let family = make()
            for name in names { state.owners[name] = family }
            let index = state.families.firstIndex { header.name < $0.header.name } ?? state.families.count
            state.families.insert(family, at: index)
            return family
        }
    }
}
