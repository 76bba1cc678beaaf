/// One operation of a history: what a client called, when, and which result it received.
public struct Operation<M: Model>: Sendable, Codable, Equatable {
    public typealias Call = M.Call
    public typealias Result = M.Result

    public var client: Int
    /// The key of the object.
    public var key: String
    public var call: Call
    public var result: Result
    /// When the client called, in monotonic nanoseconds.
    public var callNs: UInt64
    /// When the client received the result, in monotonic nanoseconds; meaningless while the result is unknown.
    public var returnNs: UInt64

    public init(client: Int, key: String, call: Call, result: Result, callNs: UInt64, returnNs: UInt64) {
        self.client = client
        self.key = key
        self.call = call
        self.result = result
        self.callNs = callNs
        self.returnNs = returnNs
    }

    /// True if no result was seen. The operation may take effect at any time after its call, or never.
    public var isPending: Bool { result == .unknown }

    /// The last moment at which the operation can take effect.
    var latestEffectNs: UInt64 { isPending ? .max : returnNs }
}

/// The result of an operation of a ``Model``.
public protocol OperationResult: Sendable, Equatable, Codable {
    /// No result was seen: the operation may take effect at any time after its call, or never. An enum case of this
    /// name meets the requirement.
    static var unknown: Self { get }
}

/// A set of operations of one history, by index.
public struct OperationSet: Hashable, Sendable {
    private var words: [UInt64]

    /// - Parameter count: the number of operations in the history.
    public init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    public func contains(_ index: Int) -> Bool { words[index / 64] & (1 << UInt64(index % 64)) != 0 }
    public mutating func insert(_ index: Int) { words[index / 64] |= 1 << UInt64(index % 64) }
    public mutating func remove(_ index: Int) { words[index / 64] &= ~(1 << UInt64(index % 64)) }

    public mutating func formUnion(_ other: OperationSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }
}
