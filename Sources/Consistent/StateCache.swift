import Replication

/// States that this proposer got chosen last, with the ballot that a majority has promised it for its next change of the
/// same register (rule C2). An entry serves one change: taking it removes it (rule C5). All entries are of one configuration
/// of the group: with another one the cache is emptied (rule C8).
struct StateCache {
    struct Entry {
        let ballot: Ballot
        let state: RegisterState
    }

    private var entries: [Register: Entry] = [:]
    private var byteCount = 0
    private let maxEntries: Int
    private let maxBytes: Int
    /// A larger value is not worth its memory: phase 1 costs one more round trip, no more.
    private static let maxValueBytes = 64 << 10

    init(maxEntries: Int = 10_000, maxBytes: Int = 8 << 20) {
        self.maxEntries = maxEntries
        self.maxBytes = maxBytes
    }

    var count: Int { entries.count }

    mutating func take(_ register: Register) -> Entry? {
        guard let entry = entries.removeValue(forKey: register) else { return nil }
        byteCount -= entry.state.value.count
        return entry
    }

    mutating func put(_ entry: Entry, for register: Register) {
        _ = take(register)
        guard entry.state.value.count <= Self.maxValueBytes else { return }
        while entries.count >= maxEntries || byteCount + entry.state.value.count > maxBytes {
            // Any entry will do: which one a dictionary holds first has nothing to do with use.
            guard let victim = entries.first?.key else { break }
            _ = take(victim)
        }
        entries[register] = entry
        byteCount += entry.state.value.count
    }

    mutating func removeAll() {
        entries.removeAll()
        byteCount = 0
    }
}
