/// How many bytes of long replies of one replica this process holds: requests wait with them for other replicas, and a
/// thousand reads of a megabyte each would otherwise be a gigabyte. Reads for which there is no room are refused.
///
/// Short replies are not counted: the limit of unanswered commands bounds them too.
public final class ReplyRoom {
    /// At most this many bytes. One reply that is longer than that by itself is taken where no other is held.
    public let maxByteCount: Int
    public private(set) var byteCount = 0

    /// Replies up to this length are short.
    public static let shortByteCount = 16 << 10

    public init(maxByteCount: Int) {
        self.maxByteCount = maxByteCount
    }

    /// What a place for one reply comes to.
    public enum Place {
        case short
        /// Counted until nobody has the lease any more.
        case long(ReplyLease)
        case none
    }

    /// - Parameter isNeeded: it must be kept, whatever is held: what a change came to has to be known.
    public func place(forByteCount count: Int, isNeeded: Bool) -> Place {
        guard count > Self.shortByteCount else { return .short }
        guard isNeeded || byteCount == 0 || byteCount + count <= maxByteCount else { return .none }
        byteCount += count
        return .long(ReplyLease(self, byteCount: count))
    }

    fileprivate func giveBack(_ count: Int) { byteCount -= count }
}

/// The place of one long reply in a ``ReplyRoom``, free again when the last reference goes.
public final class ReplyLease {
    private let room: ReplyRoom
    private let byteCount: Int

    fileprivate init(_ room: ReplyRoom, byteCount: Int) {
        self.room = room
        self.byteCount = byteCount
    }

    deinit { room.giveBack(byteCount) }
}
