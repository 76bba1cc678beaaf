import Synchronization

/// The metrics of a process. Produces the page that a scrape returns.
///
/// Families are registered at start. Any thread may update their series.
public final class PrometheusRegistry: Sendable {
    private let families = Mutex<[any AnyMetricFamily]>([])

    public init() {}

    /// Registers counters.
    /// - Precondition: the name is new, valid, and ends in `_total`; the labels are valid.
    public func counter(_ name: String, help: String, labels: [String] = []) -> CounterFamily {
        register(CounterFamily(name: name, help: help, labels: labels))
    }

    /// Registers gauges.
    /// - Precondition: the name is new and valid; the labels are valid.
    public func gauge(_ name: String, help: String, labels: [String] = []) -> GaugeFamily {
        register(GaugeFamily(name: name, help: help, labels: labels))
    }

    /// Registers histograms of durations.
    /// - Precondition: the name is new and valid; the labels are valid.
    public func histogram(_ name: String, help: String, labels: [String] = []) -> HistogramFamily {
        register(HistogramFamily(name: name, help: help, labels: labels))
    }

    /// The page for a scrape: all families sorted by name, with their series sorted by labels.
    public func page(_ format: ExpositionFormat) -> [UInt8] {
        var page = ""
        for family in families.withLock({ $0 }).sorted(by: { $0.name < $1.name }) {
            family.append(to: &page, format)
        }
        if format == .openMetrics { page += "# EOF\n" }
        return Array(page.utf8)
    }

    /// The labels of the family `name`; nil if there is no such family.
    func labelNames(of name: String) -> [String]? {
        families.withLock { families in families.first { $0.name == name }?.labelNames }
    }

    private func register<Series>(_ family: MetricFamily<Series>) -> MetricFamily<Series> {
        families.withLock { families in
            let taken = Set(families.flatMap(\.sampleNames))
            precondition(taken.isDisjoint(with: family.sampleNames), "the metric name is taken: \(family.name)")
            families.append(family)
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
