import Synchronization

public typealias CounterFamily = MetricFamily<CounterSeries>
public typealias GaugeFamily = MetricFamily<GaugeSeries>
public typealias HistogramFamily = MetricFamily<HistogramSeries>

/// The part of a metric family that the registry needs, whatever the type of its series.
protocol AnyMetricFamily: Sendable {
    var name: String { get }
    var labelNames: [String] { get }
    /// Every name that the family uses, in both formats.
    var sampleNames: [String] { get }
    func append(to page: inout String, _ format: ExpositionFormat)
}

/// All series with one metric name, which differ in their label values. Label values must come from small sets, such as
/// the replicas or the problem codes, because nothing limits the number of series.
///
/// ```swift
/// let requests = registry.counter("app_requests_total", help: "Requests answered.", labels: ["mode", "status"])
/// let ok = requests.with("cp", "200")    // once: a look-up takes a lock
/// ok.increment()                         // from any thread
/// ```
public final class MetricFamily<Series: MetricSeries>: AnyMetricFamily {
    let name: String
    let labelNames: [String]
    private let help: String
    /// The series by their labels, in the form that a scrape shows, escaped once per series: `mode="cp",status="200"`.
    private let series = Mutex<[String: Series]>([:])

    /// The units that names may end in. OpenMetrics shows them.
    private static var units: [String] { ["seconds", "bytes"] }

    init(name: String, help: String, labels: [String]) {
        precondition(Series.kind.allows(name), "not a valid name for a \(Series.kind): \(name)")
        precondition(Series.kind.allows(labels: labels), "not valid labels of \(name): \(labels)")
        self.name = name
        self.help = help
        labelNames = labels
    }

    /// The series with these label values, in the order of the label names.
    /// - Precondition: there are as many values as the family has labels.
    public func with(_ values: String...) -> Series {
        precondition(values.count == labelNames.count, "\(name) takes \(labelNames.count) label values")
        let labels = zip(labelNames, values).map { "\($0)=\"\($1.escaped(isQuoted: true))\"" }.joined(separator: ",")
        return series.withLock { series in
            if let known = series[labels] { return known }
            let new = Series()
            series[labels] = new
            return new
        }
    }

    var sampleNames: [String] { Series.kind.sampleNames(name) }

    func append(to page: inout String, _ format: ExpositionFormat) {
        // In OpenMetrics the name of a counter's family lacks the suffix `_total` of its samples.
        let isBare = format == .openMetrics && Series.kind == .counter
        let familyName = isBare ? String(name.dropLast("_total".count)) : name
        page += "# HELP \(familyName) \(help.escaped(isQuoted: format == .openMetrics))\n"
        page += "# TYPE \(familyName) \(Series.kind)\n"
        if format == .openMetrics, let unit = Self.units.first(where: { familyName.hasSuffix("_" + $0) }) {
            page += "# UNIT \(familyName) \(unit)\n"
        }
        for (labels, series) in series.withLock({ $0 }).sorted(by: { $0.key < $1.key }) {
            series.appendSamples(to: &page, name: name, labels: labels, format)
        }
    }
}

extension String {
    /// Escapes `\` and line feed. If the text is in quotes, also escapes `"`.
    func escaped(isQuoted: Bool) -> String {
        var text = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"" where isQuoted: text += "\\\""
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
