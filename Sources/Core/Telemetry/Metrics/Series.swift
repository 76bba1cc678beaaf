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

/// A value that rises and falls; any thread may set it.
public final class GaugeSeries: Sendable {
    private let stored = AtomicDouble(0)

    init() {}

    public func set(_ value: Double) { stored.store(value) }

    public var value: Double { stored.load() }
}

/// A Double that any thread may read and change. Relaxed: a sample orders no other memory.
struct AtomicDouble: ~Copyable, Sendable {
    private let bits: Atomic<UInt64>

    init(_ value: Double) {
        bits = Atomic(value.bitPattern)
    }

    func load() -> Double {
        Double(bitPattern: bits.load(ordering: .relaxed))
    }

    func store(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    /// Replaces the value by `change(value)`. Lock-free: an attempt fails only if another thread succeeded.
    func update(_ change: (Double) -> Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = change(Double(bitPattern: old)).bitPattern
            let (exchanged, found) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = found
        }
    }
}
