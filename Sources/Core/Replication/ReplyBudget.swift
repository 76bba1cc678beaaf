/// Bounds the memory of the long replies of one replica. Requests hold their replies while they wait for other
/// replicas. Without the bound, a thousand concurrent reads of 1 MiB would need 1 GiB. A reply to an identity-checked
/// read is dropped if it would exceed the budget.
///
/// Short replies are not counted, because they need little memory.
public final class ReplyBudget {
    /// The budget for all long replies together, in bytes. A reply that must not be dropped may exceed it, and so may a
    /// reply while no other is held.
    public let maxByteCount: Int
    public private(set) var byteCount = 0

    /// Replies up to this length are short.
    public static let shortByteCount = 16 << 10

    public init(maxByteCount: Int) {
        self.maxByteCount = maxByteCount
    }

    public enum Decision {
        /// A short reply, which is not counted.
        case notCounted
        /// A long reply, counted until the last reference to the reservation is released.
        case reserved(ReplyReservation)
        case exceeded
    }

    /// - Parameter isRequired: true to accept the reply even over the budget, because the result of a change must not
    ///   be dropped.
    public func reserve(byteCount count: Int, isRequired: Bool) -> Decision {
        guard count > Self.shortByteCount else { return .notCounted }
        guard isRequired || byteCount == 0 || byteCount + count <= maxByteCount else { return .exceeded }
        byteCount += count
        return .reserved(ReplyReservation(self, byteCount: count))
    }

    fileprivate func release(_ count: Int) {
        precondition(count <= byteCount, "more bytes released than reserved")
        byteCount -= count
    }
}

/// The share of one long reply in a ``ReplyBudget``. It is released with its last reference.
public final class ReplyReservation {
    private let budget: ReplyBudget
    private let byteCount: Int

    fileprivate init(_ budget: ReplyBudget, byteCount: Int) {
        self.budget = budget
        self.byteCount = byteCount
    }

    deinit { budget.release(byteCount) }
}
