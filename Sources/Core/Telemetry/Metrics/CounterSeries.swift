import Synchronization

/// A count that only rises. Any thread may count; one count is one relaxed atomic addition.
public final class CounterSeries: Sendable {
    private let whole = Atomic<UInt64>(0)
    private let fractional = AtomicDouble(0)

    init() {}

    public func increment(by amount: UInt64 = 1) {
        whole.wrappingAdd(amount, ordering: .relaxed)
    }

    /// Adds an amount that need not be whole. Negative amounts, infinities and NaN are ignored: a counter never falls.
    public func add(_ amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        fractional.update { $0 + amount }
    }

    /// Shows a total that is counted elsewhere (by the kernel, by a state machine). Lower totals than shown before
    /// are ignored. Not to be mixed with ``increment(by:)`` on one series.
    public func raise(to total: Double) {
        guard total.isFinite else { return }
        fractional.update { max($0, total) }
    }

    public var value: Double {
        Double(whole.load(ordering: .relaxed)) + fractional.load()
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        fractional.store(0)
    }

    func appendValue(to out: inout [UInt8]) {
        let fraction = fractional.load()
        if fraction == 0 {
            out.append(decimal: whole.load(ordering: .relaxed))
        } else {
            out.append(sample: Double(whole.load(ordering: .relaxed)) + fraction)
        }
    }
}
