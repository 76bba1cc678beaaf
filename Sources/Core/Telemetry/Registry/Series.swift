import Synchronization

/// One metric with one set of label values. Any thread may use it.
public protocol MetricSeries: AnyObject, Sendable {
    static var kind: MetricKind { get }
    init()
    /// Appends one line per sample.
    /// - Parameter labels: the labels without braces, escaped; may be empty.
    func appendSamples(to page: inout String, name: String, labels: String)
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

    public func appendSamples(to page: inout String, name: String, labels: String) {
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

    public func appendSamples(to page: inout String, name: String, labels: String) {
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
    }
    private let state = Mutex(State())

    public init() {}

    public func observe(ns: UInt64) {
        let bucket = Self.boundsNs.firstIndex { ns <= $0 } ?? Self.boundsNs.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sumNs += ns
        }
    }

    /// The number of durations observed so far.
    public var count: UInt64 { state.withLock { $0.counts.reduce(0, +) } }

    /// The sum of the durations observed so far, in seconds.
    public var sum: Double { state.withLock { Double($0.sumNs) / 1e9 } }

    public func appendSamples(to page: inout String, name: String, labels: String) {
        let state = state.withLock { $0 }
        var count: UInt64 = 0
        for (bound, countInBucket) in zip(Self.boundTexts, state.counts) {
            count += countInBucket
            let bucketLabels = labels + (labels.isEmpty ? "" : ",") + "le=\"\(bound)\""
            page.append(sample: name + "_bucket", bucketLabels, Double(count))
        }
        page.append(sample: name + "_sum", labels, Double(state.sumNs) / 1e9)
        page.append(sample: name + "_count", labels, Double(count))
    }
}

extension String {
    /// Appends `name{labels} value` and a line feed, without braces if there are no labels.
    ///
    /// The value is written with the fewest digits that parse to the same number. Whole numbers have no decimal point.
    fileprivate mutating func append(sample name: String, _ labels: String, _ value: Double) {
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
        self += "\n"
    }
}
