import CoreMetrics

/// The registry as a back end of swift-metrics, so that libraries which report through it appear on the same page, and
/// so that whoever prefers another back end can pass another factory instead.
///
/// Names are made valid (`http.requests` becomes `http_requests`) and get the suffix of their type: counters `_total`,
/// timers `_seconds`. Recorders and timers become histograms; meters, and recorders that do not aggregate, gauges.
/// A metric that cannot be shown (its name belongs to another type, or there are too many) is counted in
/// `metrics_rejected_total` and otherwise works, unseen: a library must not be able to stop the process.
public struct PrometheusMetricsFactory: MetricsFactory {
    private let registry: PrometheusRegistry
    private let rejected: CounterSeries
    private let timerBuckets: HistogramBuckets
    private let recorderBuckets: HistogramBuckets

    public init(
        registry: PrometheusRegistry,
        timerBuckets: HistogramBuckets = .latencySeconds,
        recorderBuckets: HistogramBuckets = .powersOfTen
    ) throws(MetricError) {
        self.registry = registry
        self.timerBuckets = timerBuckets
        self.recorderBuckets = recorderBuckets
        rejected = try registry.counter(
            "metrics_rejected_total", help: "Metrics of libraries that could not be shown."
        ).with()
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        let name = Self.name(label, withoutSuffixes: ["_total", "_count", "_sum", "_bucket"])
        return histogram(name, label, dimensions, recorderBuckets)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = Self.name(label, withoutSuffixes: ["_total", "_seconds"]) + "_seconds"
        return histogram(name, label, dimensions, timerBuckets)
    }

    // A series stays when its last user is gone: a counter that vanishes between two scrapes loses what it counted.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterAdapter {
        let name = Self.name(label, withoutSuffixes: ["_total"]) + "_total"
        let family = orReject { () throws(MetricError) in try registry.counter(name, help: Self.help(label)) }
        return CounterAdapter(series: family?.series(Self.labels(dimensions)) ?? CounterSeries())
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeAdapter {
        let name = Self.name(label, withoutSuffixes: ["_total"])
        let family = orReject { () throws(MetricError) in try registry.gauge(name, help: Self.help(label)) }
        return GaugeAdapter(series: family?.series(Self.labels(dimensions)) ?? GaugeSeries())
    }

    private func histogram(
        _ name: String, _ label: String, _ dimensions: [(String, String)], _ buckets: HistogramBuckets
    ) -> HistogramAdapter {
        let family = orReject { () throws(MetricError) in
            try registry.histogram(name, help: Self.help(label), buckets: buckets)
        }
        return HistogramAdapter(series: family?.series(Self.labels(dimensions)) ?? HistogramSeries(buckets: buckets))
    }

    private func orReject<Family>(_ register: () throws(MetricError) -> Family) -> Family? {
        do {
            return try register()
        } catch {
            rejected.increment()
            return nil
        }
    }

    private static func help(_ label: String) -> String {
        "Reported through swift-metrics as \(label)."
    }

    /// A valid name of at most 190 bytes, so that a suffix fits.
    private static func name(_ label: String, withoutSuffixes suffixes: [String]) -> String {
        var name = String(decoding: MetricName.sanitised(label).utf8.prefix(190), as: UTF8.self)
        while let suffix = suffixes.first(where: { name.hasSuffix($0) && name.utf8.count > $0.utf8.count }) {
            name.removeLast(suffix.count)
        }
        return name
    }

    /// Sorted, since swift-metrics does not say that the order of dimensions matters. A name that comes twice, and `le`,
    /// which a histogram needs for itself, are told apart by underscores.
    private static func labels(_ dimensions: [(String, String)]) -> [UInt8] {
        var taken: Set<String> = ["le"]
        var labels: [(String, String)] = []
        for (name, value) in dimensions.prefix(32) {
            var name = MetricName.sanitisedLabel(name)
            while !taken.insert(name).inserted { name += "_" }
            labels.append((name, value))
        }
        return FamilyHeader.labelText(labels.sorted { $0.0 < $1.0 })
    }
}

private final class CounterAdapter: CounterHandler, FloatingPointCounterHandler {
    private let series: CounterSeries
    init(series: CounterSeries) { self.series = series }

    func increment(by amount: Int64) { if amount > 0 { series.increment(by: UInt64(amount)) } }
    func increment(by amount: Double) { series.add(amount) }
    func reset() { series.reset() }
}

private final class GaugeAdapter: MeterHandler, RecorderHandler {
    private let series: GaugeSeries
    init(series: GaugeSeries) { self.series = series }

    func set(_ value: Int64) { series.set(Double(value)) }
    func set(_ value: Double) { series.set(value) }
    func increment(by amount: Double) { series.add(amount) }
    func decrement(by amount: Double) { series.add(-amount) }
    func record(_ value: Int64) { series.set(Double(value)) }
    func record(_ value: Double) { series.set(value) }
}

private final class HistogramAdapter: RecorderHandler, TimerHandler {
    private let series: HistogramSeries
    init(series: HistogramSeries) { self.series = series }

    func record(_ value: Int64) { series.observe(Double(value)) }
    func record(_ value: Double) { series.observe(value) }
    func recordNanoseconds(_ duration: Int64) { series.observe(ns: UInt64(max(0, duration))) }
}
