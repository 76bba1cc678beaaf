/// The most replicas of a group: more would add latency and little availability.
public let maxReplicas = 8

/// A set of replicas of one group, by index.
public struct ReplicaSet: Sendable, Hashable, Sequence, ExpressibleByArrayLiteral {
    private var bits: UInt64

    private init(bits: UInt64) { self.bits = bits }

    public init(arrayLiteral replicas: Int...) {
        bits = replicas.reduce(0) { $0 | 1 << UInt64($1) }
    }

    /// Replicas `0..<count`.
    public static func all(_ count: Int) -> ReplicaSet {
        ReplicaSet(bits: count >= 64 ? .max : (1 << UInt64(count)) - 1)
    }

    public var count: Int { bits.nonzeroBitCount }
    public var isEmpty: Bool { bits == 0 }

    public func contains(_ replica: Int) -> Bool { bits & (1 << UInt64(replica)) != 0 }
    public mutating func insert(_ replica: Int) { bits |= 1 << UInt64(replica) }
    public mutating func remove(_ replica: Int) { bits &= ~(1 << UInt64(replica)) }
    public mutating func formUnion(_ other: ReplicaSet) { bits |= other.bits }

    public func union(_ other: ReplicaSet) -> ReplicaSet { ReplicaSet(bits: bits | other.bits) }
    public func intersection(_ other: ReplicaSet) -> ReplicaSet { ReplicaSet(bits: bits & other.bits) }
    public func subtracting(_ other: ReplicaSet) -> ReplicaSet { ReplicaSet(bits: bits & ~other.bits) }

    public struct Iterator: IteratorProtocol {
        var rest: UInt64
        public mutating func next() -> Int? {
            guard rest != 0 else { return nil }
            let replica = rest.trailingZeroBitCount
            rest &= rest - 1
            return replica
        }
    }

    public func makeIterator() -> Iterator { Iterator(rest: bits) }
}
