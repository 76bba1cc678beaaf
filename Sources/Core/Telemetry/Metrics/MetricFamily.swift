/// All series of one metric name. Look up a series once and keep it: a look-up takes a lock, counting does not.
protocol MetricFamily: AnyObject, Sendable {
    var header: FamilyHeader { get }
    func appendSamples(to out: inout [UInt8])
}

/// Counters with one name and different label values.
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

    /// The series with these label values, in the order of the label names.
    /// - Precondition: as many values as the family has labels.
    public func with(_ values: String...) -> CounterSeries {
        table.series(header.labelText(values), in: header, make: CounterSeries.init)
    }

    func appendSamples(to out: inout [UInt8]) {
        for entry in table.snapshot() {
            out.append(name: header.name, labels: entry.labels)
            entry.series.appendValue(to: &out)
            out.append(UInt8(ascii: "\n"))
        }
    }
}

/// Gauges with one name and different label values.
public final class GaugeFamily: MetricFamily {
    let header: FamilyHeader
    private let table = SeriesTable<GaugeSeries>()

    init(header: FamilyHeader) { self.header = header }

    /// The series with these label values, in the order of the label names.
    /// - Precondition: as many values as the family has labels.
    public func with(_ values: String...) -> GaugeSeries {
        table.series(header.labelText(values), in: header, make: GaugeSeries.init)
    }

    func appendSamples(to out: inout [UInt8]) {
        for entry in table.snapshot() {
            out.append(name: header.name, labels: entry.labels)
            out.append(sample: entry.series.value)
            out.append(UInt8(ascii: "\n"))
        }
    }
}

/// Histograms with one name, the same buckets, and different label values.
public final class HistogramFamily: MetricFamily {
    let header: FamilyHeader
    let buckets: HistogramBuckets
    private let table = SeriesTable<HistogramSeries>()
    /// `le="0.5"` for each bucket. Whole numbers are written `1.0`, which OpenMetrics requires. The text format does
    /// the same, so that a series has the same labels in both.
    private let boundTexts: [[UInt8]]

    init(header: FamilyHeader, buckets: HistogramBuckets) {
        self.header = header
        self.buckets = buckets
        boundTexts = (buckets.bounds.map(\.description) + ["+Inf"]).map { Array("le=\"\($0)\"".utf8) }
    }

    /// The series with these label values, in the order of the label names.
    /// - Precondition: as many values as the family has labels.
    public func with(_ values: String...) -> HistogramSeries {
        table.series(header.labelText(values), in: header) { HistogramSeries(buckets: buckets) }
    }

    func appendSamples(to out: inout [UInt8]) {
        let bucketName = header.name + "_bucket"
        let sumName = header.name + "_sum"
        let countName = header.name + "_count"
        for entry in table.snapshot() {
            // The count is the sum of the buckets read here, so that `+Inf` and `_count` agree in every scrape.
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
    /// `name{labels,bound} `, without braces if there are no labels.
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
