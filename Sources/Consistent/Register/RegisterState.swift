import Replication

/// The state of a register: the value that CASPaxos agrees on, one per key.
struct RegisterState: Equatable, Sendable {
    /// Empty if ``isDeleted``.
    var value: Bytes
    /// Number of changes of the key, and its ETag. Never repeats, not even after a delete and the GC of its tombstone.
    var version: UInt64
    /// A tombstone, or a key that never existed.
    var isDeleted: Bool
    /// Wall-clock milliseconds after which the first proposer to notice commits a tombstone; nil for never.
    var expiresMs: Int64?
    /// The proposers that changed the state most recently, oldest first, each with its last batch (rule C6).
    var writers: [Writer]
    /// The version at which an entry was last evicted from ``writers``. If a batch started from a lower
    /// version, a missing entry proves nothing: it may have been evicted.
    var evictedAt: UInt64

    /// The last batch of one proposer that changed the state.
    struct Writer: Equatable, Sendable {
        var proposer: UInt64
        var number: UInt64
        var attempt: UInt64
    }

    static let maxWriters = 16

    /// A key without a record.
    /// - Parameter gcVersion: the highest version that may have been used before a tombstone was collected (rule C10).
    static func absent(gcVersion: UInt64) -> RegisterState {
        RegisterState(
            value: [], version: gcVersion, isDeleted: true, expiresMs: nil, writers: [], evictedAt: gcVersion)
    }

    /// The entry of a proposer's batch, whichever of its attempts is in this state's history.
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
