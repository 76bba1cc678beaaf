/// Counts outcomes; used on one thread.
public final class Tally {
    public private(set) var counts: [String: Int] = [:]

    public init() {}

    public var total: Int { counts.values.reduce(0, +) }

    public func note(_ outcome: String) { counts[outcome, default: 0] += 1 }
}
