import EventLoop

/// How many bytes one background batch may carry from one replica to another over this instance's links.
///
/// If a slow link cannot carry a batch before its fence, the target refuses the batch. Until then, the batch blocks
/// everything else on that connection. At the same size it would fail again, forever. So batches start small, grow
/// while they arrive quickly, and shrink when one fails.
struct BatchSize: Equatable {
    private(set) var bytes: Int
    private let maxBytes: Int
    /// A batch that takes longer than this is large enough: the next one does not grow.
    private let quickNs: UInt64

    private static let startBytes = 32 * 1_024
    /// Estimated size of the key and vector of one record, which ``bytes`` does not include.
    private static let recordBytes = 256

    /// - Parameter callTimeoutMs: time after which a command counts as unanswered. Each batch is two commands: a read
    ///   and a merge.
    init(maxBytes: Int, callTimeoutMs: UInt64) {
        self.maxBytes = max(Self.recordBytes, maxBytes)
        bytes = min(Self.startBytes, self.maxBytes)
        quickNs = callTimeoutMs * nsPerMs / 4
    }

    /// Always at least one record, so that delivery makes progress.
    func records(atMost limit: Int) -> Int { max(1, min(limit, bytes / Self.recordBytes)) }

    mutating func arrived(tookNs: UInt64) {
        if tookNs <= quickNs {
            bytes = min(bytes * 2, maxBytes)
        } else if tookNs > 2 * quickNs {
            bytes = max(bytes / 2, Self.recordBytes)
        }
    }

    mutating func failed() { bytes = max(bytes / 4, Self.recordBytes) }

    /// Called after a reconnect: the new connection may use another link.
    mutating func restart() { bytes = min(bytes, Self.startBytes) }
}
