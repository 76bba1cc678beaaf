/// A set of operations of one history, by index.
public struct OperationSet: Hashable, Sendable {
    private var words: [UInt64]

    /// - Parameter count: of the operations in the history.
    public init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    public func contains(_ index: Int) -> Bool { words[index / 64] & (1 << UInt64(index % 64)) != 0 }
    public mutating func insert(_ index: Int) { words[index / 64] |= 1 << UInt64(index % 64) }
    public mutating func remove(_ index: Int) { words[index / 64] &= ~(1 << UInt64(index % 64)) }

    public mutating func formUnion(_ other: OperationSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }
}
