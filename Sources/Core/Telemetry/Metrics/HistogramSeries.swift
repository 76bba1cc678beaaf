import Synchronization

/// The upper bounds of a histogram's buckets, in the unit of its name, without `+Inf`, which is always there.
public struct HistogramBuckets: Sendable, Equatable {
    public let bounds: [Double]
    /// The same bounds, taken as seconds, in nanoseconds.
    let boundsNs: [UInt64]

    /// - Parameter bounds: in seconds; finite, ascending and at most 100, which registration checks.
    public init(_ bounds: [Double]) {
        self.bounds = bounds
        boundsNs = bounds.map { UInt64(exactly: ($0 * 1e9).rounded()) ?? ($0 > 0 ? .max : 0) }
    }

    /// For requests of 0.1 ms to 5 s.
    public static let latencySeconds = HistogramBuckets([
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
    ])

    var areValid: Bool {
        bounds.count <= 100 && bounds.allSatisfy(\.isFinite) && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
    }
}

/// Durations counted by size. Any thread may observe; one observation is two relaxed atomic additions.
public final class HistogramSeries: @unchecked Sendable {
    // Safe: `counts` is never reassigned, its elements are atomics, and this object owns it.
    private let counts: UnsafeMutablePointer<Atomic<UInt64>>
    private let buckets: HistogramBuckets
    private let sumNs = Atomic<UInt64>(0)

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

    public func observe(ns: UInt64) {
        // Counts the bounds below `ns` without a branch: for so few bounds this is faster than a search.
        var index = 0
        for bound in buckets.boundsNs {
            index &+= ns > bound ? 1 : 0
        }
        counts[index].wrappingAdd(1, ordering: .relaxed)
        sumNs.wrappingAdd(ns, ordering: .relaxed)
    }

    /// Observations so far.
    public var count: UInt64 {
        (0...buckets.bounds.count).reduce(0) { $0 + counts[$1].load(ordering: .relaxed) }
    }

    /// The sum of what was observed, in seconds.
    public var sum: Double {
        Double(sumNs.load(ordering: .relaxed)) / 1e9
    }

    /// Observations in one bucket alone; the last index is `+Inf`.
    func count(inBucket index: Int) -> UInt64 {
        counts[index].load(ordering: .relaxed)
    }
}
