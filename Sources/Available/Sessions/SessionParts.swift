import EventLoop
import Replication

/// Records of several replicas, none of which covers alone what a session has seen. Pure decisions: sends nothing.
struct SessionParts {
    /// What one replica answered, and when: while others are awaited, it becomes staler.
    struct Part {
        let result: ReadResult
        let record: Record?
        let replica: Int
        let atNs: UInt64

        func stalenessMs(atNs nowNs: UInt64) -> Int64? {
            result.stalenessMs.map { $0 + Int64((nowNs - atNs + nsPerMs - 1) / nsPerMs) }
        }
    }

    private let wanted: VersionVector
    private var parts: [Part] = []

    /// - Parameter wanted: what the session has seen.
    init(wanted: VersionVector) { self.wanted = wanted }

    var first: Part? { parts.first }
    var isEmpty: Bool { parts.isEmpty }

    /// - Parameter record: nil if the reply cannot be joined.
    mutating func add(_ result: ReadResult, _ record: Record?, from replica: Int, atNs nowNs: UInt64) {
        parts.append(Part(result: result, record: record, replica: replica, atNs: nowNs))
    }

    /// The join of all records; nil if it does not cover what is wanted.
    func joined(atNs nowNs: UInt64) -> (record: Record, replicas: [Int], stalenessMs: Int64?)? {
        let parts = parts.filter { $0.record != nil }
        guard parts.count > 1 else { return nil }
        let record = parts.compactMap(\.record).reduce(Record()) { $0.joined($1) }
        guard record.vector.covers(wanted) else { return nil }
        // It holds all that the freshest of them did.
        let stalenessMs = parts.compactMap { $0.stalenessMs(atNs: nowNs) }.min()
        return (record, parts.map(\.replica), stalenessMs)
    }
}
