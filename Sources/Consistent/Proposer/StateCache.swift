/// The states that this proposer got chosen last. Each has the ballot that a quorum has promised for the proposer's
/// next change of the register (rule C2).
///
/// An entry serves one change: ``take(_:)`` removes it (rule C5). All entries belong to one configuration of the group;
/// the proposer empties the cache when that changes (rule C8).
struct StateCache {
    struct Entry {
        let ballot: Ballot
        let state: RegisterState
    }

    private var entries: [Register: Entry] = [:]
    private var byteCount = 0
    private let maxEntries: Int
    private let maxBytes: Int
    /// A larger value is not worth its memory: phase 1 costs no more than one more round trip.
    private static let maxValueBytes = 64 << 10

    init(maxEntries: Int = 10_000, maxBytes: Int = 8 << 20) {
        self.maxEntries = maxEntries
        self.maxBytes = maxBytes
    }

    var count: Int { entries.count }
    func contains(_ register: Register) -> Bool { entries[register] != nil }

    /// Removes and returns the entry of `register`.
    mutating func take(_ register: Register) -> Entry? {
        guard let entry = entries.removeValue(forKey: register) else { return nil }
        byteCount -= entry.state.value.count
        return entry
    }

    mutating func put(_ entry: Entry, for register: Register) {
        if let old = take(register) { precondition(old.ballot < entry.ballot, "ballots of a register only rise") }
        guard entry.state.value.count <= Self.maxValueBytes else { return }
        while entries.count >= maxEntries || byteCount + entry.state.value.count > maxBytes {
            // The order of a dictionary has nothing to do with use, so its first entry is as good as any.
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
