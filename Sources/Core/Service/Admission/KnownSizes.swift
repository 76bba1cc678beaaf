import Replication

/// The sizes of values by key, as this instance last saw them. A table of fixed size without chains: a key may lose its
/// entry to another one, and is then unknown. A small value does not replace another key's large one.
struct KnownSizes {
    private struct Entry {
        var hash: UInt64 = 0
        /// Nil for no entry.
        var byteCount: Int?
    }

    private var entries: [Entry]

    private static let smallByteCount = LargeRequestAdmission.smallByteCount

    init(count: Int = 16_384) { entries = Array(repeating: Entry(), count: count) }

    /// Nil if it is unknown.
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
