import EventLoop

/// How much one background batch may carry from one replica to another over this instance's links.
///
/// A batch that a slow link cannot carry in time is refused at its fence. It also blocks everything else on that
/// connection until then. Sent again at the same size, it would never arrive. So batches start small, grow while they
/// arrive quickly, and shrink when one fails.
struct BatchSize: Equatable {
    private(set) var bytes: Int
    private let maxBytes: Int
    /// A batch that takes longer is large enough.
    private let quickNs: UInt64

    private static let startBytes = 32 * 1_024
    /// One record with its key and vector, which ``bytes`` does not count.
    private static let recordBytes = 256

    /// - Parameter callTimeoutMs: after which a command counts as unanswered; each batch is two of them.
    init(maxBytes: Int, callTimeoutMs: UInt64) {
        self.maxBytes = max(Self.recordBytes, maxBytes)
        bytes = min(Self.startBytes, self.maxBytes)
        quickNs = callTimeoutMs * nsPerMs / 4
    }

    /// At least one record, or nothing would ever move.
    func records(atMost limit: Int) -> Int { max(1, min(limit, bytes / Self.recordBytes)) }

    mutating func arrived(tookNs: UInt64) {
        if tookNs <= quickNs {
            bytes = min(bytes * 2, maxBytes)
        } else if tookNs > 2 * quickNs {
            bytes = max(bytes / 2, Self.recordBytes)
        }
    }

    mutating func failed() { bytes = max(bytes / 4, Self.recordBytes) }

    /// The connection is a new one, perhaps over another link.
    mutating func restart() { bytes = min(bytes, Self.startBytes) }
}
