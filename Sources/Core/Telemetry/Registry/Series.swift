import Synchronization

/// One metric with one set of label values. Any thread may use it.
public protocol MetricSeries: AnyObject, Sendable {
    static var kind: MetricKind { get }
    init()
    /// Appends one line per sample.
    /// - Parameter labels: the labels without braces, escaped; may be empty.
    func appendSamples(to page: inout String, name: String, labels: String, _ format: ExpositionFormat)
}

/// A count that only rises.
public final class CounterSeries: MetricSeries {
    public static let kind = MetricKind.counter
    private let total = Atomic<Double>(0)

    public init() {}

    public func increment(by amount: Int = 1) {
        update { $0 + Double(amount) }
    }

    /// Sets the count to a total that the kernel counts. A total lower than the current one is ignored.
    func raise(to newTotal: Double) {
        update { max($0, newTotal) }
    }

    /// Lock-free: if another thread changed the count meanwhile, the attempt is repeated. The memory order is relaxed,
    /// because no other memory depends on the count.
    private func update(_ change: (Double) -> Double) {
        var old = value
        while true {
            let (exchanged, found) = total.weakCompareExchange(expected: old, desired: change(old), ordering: .relaxed)
            if exchanged { return }
            old = found
        }
    }

    public var value: Double { total.load(ordering: .relaxed) }

    public func appendSamples(to page: inout String, name: String, labels: String, _ format: ExpositionFormat) {
        page.append(sample: name, labels, value)
    }
}

/// A value that rises and falls.
public final class GaugeSeries: MetricSeries {
    public static let kind = MetricKind.gauge
    private let stored = Atomic<Double>(0)

    public init() {}

    public func set(_ value: Double) { stored.store(value, ordering: .relaxed) }

    public var value: Double { stored.load(ordering: .relaxed) }

    public func appendSamples(to page: inout String, name: String, labels: String, _ format: ExpositionFormat) {
        page.append(sample: name, labels, value)
    }
}

/// Counts durations in buckets by their length.
public final class HistogramSeries: MetricSeries {
    public static let kind = MetricKind.histogram

    /// Upper bounds of the buckets in seconds, for requests of 0.1 ms to 5 s, without `+Inf`.
    private static let bounds = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
    ]
    private static let boundsNs = bounds.map { UInt64(($0 * 1e9).rounded()) }
    /// Whole numbers are written `1.0`, which OpenMetrics requires. The text format does the same, so that a series has
    /// the same labels in both formats.
    private static let boundTexts = bounds.map(\.description) + ["+Inf"]

    private struct State {
        /// By bucket: how many durations it contains, not cumulative.
        var counts = [UInt64](repeating: 0, count: boundTexts.count)
        var sumNs: UInt64 = 0
        /// By bucket: its last exemplar. Empty before the first one.
        var exemplars: [Exemplar?] = []

        mutating func add(_ ns: UInt64, to bucket: Int) {
            counts[bucket] += 1
            sumNs += ns
        }
    }
    private let state = Mutex(State())

    public init() {}

    public func observe(ns: UInt64) {
        let bucket = Self.bucket(of: ns)
        state.withLock { $0.add(ns, to: bucket) }
    }

    /// Counts a duration, and keeps its trace as the exemplar of its bucket, until the next one.
    /// - Parameters:
    ///   - traceID: 32 hexadecimal digits.
    ///   - unixMs: now, in milliseconds since 1970.
    public func observe(ns: UInt64, exemplar traceID: String, unixMs: Int64 = LogOutput.wallClockMs()) {
        let bucket = Self.bucket(of: ns)
        let exemplar = Exemplar(traceID: traceID, ns: ns, unixMs: unixMs)
        state.withLock { state in
            state.add(ns, to: bucket)
            if state.exemplars.isEmpty { state.exemplars = Array(repeating: nil, count: state.counts.count) }
            state.exemplars[bucket] = exemplar
        }
    }

    private static func bucket(of ns: UInt64) -> Int { boundsNs.firstIndex { ns <= $0 } ?? boundsNs.count }

    /// The number of durations observed so far.
    public var count: UInt64 { state.withLock { $0.counts.reduce(0, +) } }

    /// The sum of the durations observed so far, in seconds.
    public var sum: Double { state.withLock { Double($0.sumNs) / 1e9 } }

    public func appendSamples(to page: inout String, name: String, labels: String, _ format: ExpositionFormat) {
        let state = state.withLock { $0 }
        var count: UInt64 = 0
        for (index, bound) in Self.boundTexts.enumerated() {
            count += state.counts[index]
            let bucketLabels = labels + (labels.isEmpty ? "" : ",") + "le=\"\(bound)\""
            let exemplar = format == .openMetrics && !state.exemplars.isEmpty ? state.exemplars[index] : nil
            page.append(sample: name + "_bucket", bucketLabels, Double(count), exemplar)
        }
        page.append(sample: name + "_sum", labels, Double(state.sumNs) / 1e9)
        page.append(sample: name + "_count", labels, Double(count))
    }
}

/// The trace of one observed duration (OpenMetrics 1.0.0, "Exemplars").
private struct Exemplar: CustomStringConvertible {
    let traceID: String
    let ns: UInt64
    let unixMs: Int64

    /// `# {trace_id="..."} value timestamp`, both in seconds.
    var description: String { "# {trace_id=\"\(traceID)\"} \(Double(ns) / 1e9) \(Double(unixMs) / 1e3)" }
}

extension String {
    /// Appends `name{labels} value`, an exemplar if there is one, and a line feed; without labels there are no braces.
    ///
    /// The value is written with the fewest digits that parse to the same number. Whole numbers have no decimal point.
    fileprivate mutating func append(
        sample name: String, _ labels: String, _ value: Double, _ exemplar: Exemplar? = nil
    ) {
        self += labels.isEmpty ? "\(name) " : "\(name){\(labels)} "
        // Write whole numbers below 2^53 with all digits. Above 2^53 a Double cannot hold every whole number, so the
        // shortest form loses nothing.
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 {
            self += String(whole)
        } else if value.isInfinite {
            self += value < 0 ? "-Inf" : "+Inf"
        } else {
            self += value.isNaN ? "NaN" : value.description
        }
        if let exemplar { self += " \(exemplar)" }
        self += "\n"
    }
}
