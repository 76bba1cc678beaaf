/// A value that rises and falls; any thread may set it.
public final class GaugeSeries: Sendable {
    private let stored = AtomicDouble(0)

    init() {}

    public func set(_ value: Double) { stored.store(value) }

    public var value: Double { stored.load() }
}
