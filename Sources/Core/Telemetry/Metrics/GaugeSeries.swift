/// A value that rises and falls: set by any thread, or worked out at each scrape.
public final class GaugeSeries: Sendable {
    private let stored = AtomicDouble(0)
    private let source: (@Sendable () -> Double?)?

    /// Shown by no family: a share of a gauge that is worked out from several.
    public convenience init() {
        self.init(source: nil)
    }

    init(source: (@Sendable () -> Double?)?) {
        self.source = source
    }

    public func set(_ value: Double) {
        stored.store(value)
    }

    /// Adds an amount, which may be negative.
    public func add(_ amount: Double) {
        stored.update { $0 + amount }
    }

    /// The value a scrape would show now; nil where a computed gauge has none.
    public var value: Double? {
        guard let source else { return stored.load() }
        return source()
    }
}
