/// The states that this proposer last got chosen. Each is kept with the ballot that a quorum has already promised for
/// the proposer's next change of the register (rule C2).
///
/// An entry is used for one change: ``take(_:)`` removes it (rule C5). All entries belong to one configuration of the
/// group. When the configuration changes, the proposer empties the cache (rule C8).
struct StateCache {
    struct Entry {
        let ballot: Ballot
        let state: RegisterState
    }

    private var entries: [Register: Entry] = [:]
    private var byteCount = 0
    private let maxEntries: Int
    private let maxBytes: Int
    /// The longest value that is cached. Saving one round trip is not worth the memory of a longer one.
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
            // Evict any entry. The order of a dictionary is unrelated to use, so its first entry will do.
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
