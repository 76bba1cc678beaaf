/// All series of one metric name. Ask for a series once and keep it: asking takes a lock, counting does not.
protocol MetricFamily: AnyObject, Sendable {
    var header: FamilyHeader { get }
    func appendSamples(to out: inout [UInt8])
}

/// Counters of one name, told apart by label values.
///
/// ```swift
/// let requests = try registry.counter("app_requests_total", help: "Requests answered.", labels: ["mode", "status"])
/// let ok = requests.with("cp", "200")    // once
/// ok.increment()                         // from any thread
/// ```
public final class CounterFamily: MetricFamily {
    let header: FamilyHeader
    private let table = SeriesTable<CounterSeries>()

    init(header: FamilyHeader) { self.header = header }

    /// The series with those label values, in the order of the label names.
    /// - Precondition: as many values as the family has labels.
    public func with(_ values: String...) -> CounterSeries {
        series(header.labelText(values))
    }

    func series(_ labels: [UInt8]) -> CounterSeries {
        table.series(labels, in: header, make: CounterSeries.init)
    }

    func appendSamples(to out: inout [UInt8]) {
        for entry in table.snapshot() {
            out.append(name: header.name, labels: entry.labels)
            entry.series.appendValue(to: &out)
            out.append(UInt8(ascii: "\n"))
        }
    }
}

/// Gauges of one name, told apart by label values.
public final class GaugeFamily: MetricFamily {
    let header: FamilyHeader
    private let table = SeriesTable<GaugeSeries>()

    init(header: FamilyHeader) { self.header = header }

    /// The series with those label values, in the order of the label names.
    /// - Precondition: as many values as the family has labels.
    public func with(_ values: String...) -> GaugeSeries {
        series(header.labelText(values))
    }

    /// Makes the series with those label values a computed one. `compute` runs at each scrape, on the scraping thread,
    /// so it must be quick and take no lock that others hold for long; nil leaves the series out of that scrape.
    /// - Precondition: as many values as the family has labels.
    public func computed(_ values: String..., by compute: @escaping @Sendable () -> Double?) {
        _ = table.series(header.labelText(values), in: header, replace: true) { GaugeSeries(source: compute) }
    }

    func series(_ labels: [UInt8]) -> GaugeSeries {
        table.series(labels, in: header, make: { GaugeSeries() })
    }

    func appendSamples(to out: inout [UInt8]) {
        for entry in table.snapshot() {
            guard let value = entry.series.value else { continue }
            out.append(name: header.name, labels: entry.labels)
            out.append(sample: value)
            out.append(UInt8(ascii: "\n"))
        }
    }
}

/// Histograms of one name and one set of buckets, told apart by label values.
public final class HistogramFamily: MetricFamily {
    let header: FamilyHeader
    let buckets: HistogramBuckets
    private let table = SeriesTable<HistogramSeries>()
    /// `le="0.5"` for each bucket. Whole numbers are written `1.0`, as OpenMetrics wants it, in the text format too, so
    /// that a series keeps its labels whichever format a scraper asks for.
    private let boundTexts: [[UInt8]]

    init(header: FamilyHeader, buckets: HistogramBuckets) {
        self.header = header
        self.buckets = buckets
        boundTexts = (buckets.bounds.map(\.description) + ["+Inf"]).map { Array("le=\"\($0)\"".utf8) }
    }

    /// The series with those label values, in the order of the label names.
    /// - Precondition: as many values as the family has labels.
    public func with(_ values: String...) -> HistogramSeries {
        series(header.labelText(values))
    }

    func series(_ labels: [UInt8]) -> HistogramSeries {
        table.series(labels, in: header) { HistogramSeries(buckets: buckets) }
    }

    func appendSamples(to out: inout [UInt8]) {
        let bucketName = header.name + "_bucket"
        let sumName = header.name + "_sum"
        let countName = header.name + "_count"
        for entry in table.snapshot() {
            // The count is the sum of the buckets as read here, so that `+Inf` and `_count` agree in every scrape.
            var count: UInt64 = 0
            for (index, boundText) in boundTexts.enumerated() {
                count += entry.series.count(inBucket: index)
                out.append(name: bucketName, labels: entry.labels, boundText)
                out.append(decimal: count)
                out.append(UInt8(ascii: "\n"))
            }
            out.append(name: sumName, labels: entry.labels)
            out.append(sample: entry.series.sum)
            out.append(UInt8(ascii: "\n"))
            out.append(name: countName, labels: entry.labels)
            out.append(decimal: count)
            out.append(UInt8(ascii: "\n"))
        }
    }
}

extension [UInt8] {
    /// `name{labels,bound} `, without braces where there are no labels at all.
    fileprivate mutating func append(name: String, labels: [UInt8], _ bound: [UInt8] = []) {
        append(text: name)
        if !labels.isEmpty || !bound.isEmpty {
            append(UInt8(ascii: "{"))
            append(contentsOf: labels)
            if !labels.isEmpty, !bound.isEmpty { append(UInt8(ascii: ",")) }
            append(contentsOf: bound)
            append(UInt8(ascii: "}"))
        }
        append(UInt8(ascii: " "))
    }
}
