import Synchronization

/// A count that only rises. Any thread may count; one count is one relaxed atomic addition.
public final class CounterSeries: Sendable {
    private let whole = Atomic<UInt64>(0)
    private let total = AtomicDouble(0)

    init() {}

    public func increment(by amount: UInt64 = 1) {
        whole.wrappingAdd(amount, ordering: .relaxed)
    }

    /// Shows a total that the kernel counts. Lower totals than shown before are ignored. Not to be mixed with
    /// ``increment(by:)`` on one series.
    func raise(to newTotal: Double) {
        guard newTotal.isFinite else { return }
        total.update { max($0, newTotal) }
    }

    public var value: Double {
        Double(whole.load(ordering: .relaxed)) + total.load()
    }

    func appendValue(to out: inout [UInt8]) {
        let count = whole.load(ordering: .relaxed)
        if count > 0 { out.append(decimal: count) } else { out.append(sample: total.load()) }
    }
}
