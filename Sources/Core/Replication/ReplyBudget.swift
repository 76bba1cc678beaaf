/// Bounds the memory of the long replies of one replica. Requests hold them while they wait for other replicas, so that
/// a thousand concurrent reads of 1 MiB would need 1 GiB. The reply to a read that exceeds the budget is dropped.
///
/// Short replies need no reservation: the limit of unanswered commands bounds them too.
public final class ReplyBudget {
    /// A single reply that is longer than this is accepted while no other is held.
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
        /// Counted until the last reference to the reservation goes.
        case reserved(ReplyReservation)
        case exceeded
    }

    /// - Parameter isRequired: never exceeded, only counted: the result of a change must not be dropped.
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

/// The share of one long reply in a ``ReplyBudget``; released with its last reference.
public final class ReplyReservation {
    private let budget: ReplyBudget
    private let byteCount: Int

    fileprivate init(_ budget: ReplyBudget, byteCount: Int) {
        self.budget = budget
        self.byteCount = byteCount
    }

    deinit { budget.release(byteCount) }
}
