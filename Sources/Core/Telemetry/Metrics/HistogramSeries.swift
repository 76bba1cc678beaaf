import Synchronization

/// The upper bounds of a histogram's buckets, in the unit of its name, without `+Inf`, which is always there.
public struct HistogramBuckets: Sendable, Equatable {
    public let bounds: [Double]
    /// The same bounds, taken as seconds, in nanoseconds.
    let boundsNs: [UInt64]

    /// - Parameter bounds: checked at registration: finite, ascending, at most 100.
    public init(_ bounds: [Double]) {
        self.bounds = bounds
        boundsNs = bounds.map { UInt64(exactly: ($0 * 1e9).rounded()) ?? ($0 > 0 ? .max : 0) }
    }

    /// For requests that take 0.1 milliseconds to 5 seconds.
    public static let latencySeconds = HistogramBuckets([
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
    ])

    /// For values of which nothing is known: powers of ten from a thousandth to a billion.
    public static let powersOfTen = HistogramBuckets([
        0.001, 0.01, 0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
    ])

    var areValid: Bool {
        bounds.count <= 100 && bounds.allSatisfy(\.isFinite) && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
    }
}

/// Observations counted by size. Any thread may observe; that is two relaxed atomic additions.
public final class HistogramSeries: @unchecked Sendable {
    // Safe because `counts` is never reassigned, its elements are atomics, and it lives as long as this object.
    private let counts: UnsafeMutablePointer<Atomic<UInt64>>
    private let buckets: HistogramBuckets
    private let sumNs = Atomic<UInt64>(0)
    private let sumOfOthers = AtomicDouble(0)

    init(buckets: HistogramBuckets) {
        self.buckets = buckets
        counts = .allocate(capacity: buckets.bounds.count + 1)
        for index in 0...buckets.bounds.count {
            (counts + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        counts.deinitialize(count: buckets.bounds.count + 1)
        counts.deallocate()
    }

    /// A duration, for a histogram whose unit is the second.
    public func observe(ns: UInt64) {
        // Counts the bounds below without a branch: for so few the processor is faster that way than with a search.
        var index = 0
        for bound in buckets.boundsNs {
            index &+= ns > bound ? 1 : 0
        }
        counts[index].wrappingAdd(1, ordering: .relaxed)
        sumNs.wrappingAdd(ns, ordering: .relaxed)
    }

    /// A value in the unit of the histogram's name. NaN is ignored.
    public func observe(_ value: Double) {
        guard !value.isNaN else { return }
        var index = 0
        for bound in buckets.bounds {
            index &+= value > bound ? 1 : 0
        }
        counts[index].wrappingAdd(1, ordering: .relaxed)
        sumOfOthers.update { $0 + value }
    }

    /// Observations so far.
    public var count: UInt64 {
        (0...buckets.bounds.count).reduce(0) { $0 + counts[$1].load(ordering: .relaxed) }
    }

    /// The sum of what was observed, in the unit of the histogram's name.
    public var sum: Double {
        Double(sumNs.load(ordering: .relaxed)) / 1e9 + sumOfOthers.load()
    }

    /// Observations in one bucket alone; the last index is that of `+Inf`.
    func count(inBucket index: Int) -> UInt64 {
        counts[index].load(ordering: .relaxed)
    }
}
