import Replication

/// The state of a register: the value that CASPaxos agrees on, one per key.
struct RegisterState: Equatable, Sendable {
    /// Empty if ``isDeleted``.
    var value: Bytes
    /// Rises by one with every change of the key, and is its ETag. Never repeats, not even after a delete and the GC of
    /// the tombstone. A new key may begin above 1 (rule C10).
    var version: UInt64
    /// True for a tombstone, and for a key without a record.
    var isDeleted: Bool
    /// When the value expires, in wall-clock milliseconds; nil for never. The first proposer that detects the expiry
    /// commits a tombstone.
    var expiresMs: Int64?
    /// The proposers that last changed the state, oldest first, each with its last batch (rule C6).
    var writers: [Writer]
    /// The version at which an entry was last evicted from ``writers``. If a batch was built on a lower version, its
    /// entry may have been evicted. A missing entry then does not prove that the batch was not applied.
    var evictedAt: UInt64

    /// One proposer's last batch that changed the state: the number of the batch, and which of its attempts did it.
    struct Writer: Equatable, Sendable {
        var proposer: UInt64
        var number: UInt64
        var attempt: UInt64
    }

    static let maxWriters = 16

    /// The state of a key without a record.
    /// - Parameter gcVersion: the highest version that the key may have had before its tombstone was collected (rule
    ///   C10).
    static func absent(gcVersion: UInt64) -> RegisterState {
        RegisterState(
            value: [], version: gcVersion, isDeleted: true, expiresMs: nil, writers: [], evictedAt: gcVersion)
    }

    /// The entry of a proposer's batch. It names the attempt that is in the history of this state. Nil if there is no
    /// entry.
    func entry(of proposer: UInt64, number: UInt64) -> Writer? {
        writers.first { $0.proposer == proposer && $0.number == number }
    }

    /// Records the batch that made this state.
    mutating func recordWriter(_ writer: Writer) {
        writers.removeAll { $0.proposer == writer.proposer }
        writers.append(writer)
        while writers.count > Self.maxWriters {
            writers.removeFirst()
            evictedAt = version
        }
    }

    func isExpired(atMs nowMs: Int64) -> Bool {
        guard !isDeleted, let expiresMs else { return false }
        return nowMs >= expiresMs
    }
}
