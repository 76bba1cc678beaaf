import Replication

/// The sizes of values by key, as this instance last saw them. A hash table of fixed size without chains: another key
/// may replace a key's entry, whose size is then unknown. The entry of a small value does not replace that of another
/// key's large value.
struct KnownSizes {
    private struct Entry {
        var hash: UInt64 = 0
        /// Nil if there is no entry.
        var byteCount: Int?
    }

    private var entries: [Entry]

    private static let smallByteCount = LargeRequestAdmission.smallByteCount

    init(count: Int = 16_384) { entries = Array(repeating: Entry(), count: count) }

    /// The size in bytes; nil if it is unknown.
    subscript(key: Bytes) -> Int? {
        get {
            let hash = key.fnv1a
            let entry = entries[index(of: hash)]
            return entry.hash == hash ? entry.byteCount : nil
        }
        set {
            let hash = key.fnv1a
            let present = entries[index(of: hash)]
            let isPresentSmall = present.byteCount ?? 0 <= Self.smallByteCount
            guard present.hash == hash || isPresentSmall || newValue ?? 0 > Self.smallByteCount else { return }
            entries[index(of: hash)] = Entry(hash: hash, byteCount: newValue)
        }
    }

    private func index(of hash: UInt64) -> Int { Int(hash % UInt64(entries.count)) }
}
