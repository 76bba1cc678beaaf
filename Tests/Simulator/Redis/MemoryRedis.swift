import Replication

/// The data of one simulated Redis server, and the commands that scripts and engines use. The replies are those of
/// Redis 7.0; `MemoryRedisTests` compares them with the replies of a real server.
///
/// Writes since the last `fsync` can be reverted, as a crash reverts them.
final class MemoryRedis {
    private struct Entry: Equatable {
        var value: RedisValue
        var expiresMs: Int64?
    }

    private var entries: [Bytes: Entry] = [:]
    /// The entries of keys that were written since the last `fsync`, as they were before; nil for a key that did not
    /// exist.
    private var unsynced: [Bytes: Entry?] = [:]
    /// True if memory is full: commands that may need memory fail.
    var isFull = false
    /// Identifies this run of the server.
    var runId: Bytes
    /// True if the server rejects writes, as with `min-replicas-to-write` and too few replicas. `INFO` does not show
    /// this.
    var rejectsWrites = false
    /// The server's own clock, in microseconds since 1970.
    var nowUs: () -> Int64 = { 0 }

    init(runId: Bytes) { self.runId = runId }

    // MARK: The disk

    /// Puts all writes on the disk, as `fsync` does.
    func sync() { unsynced.removeAll(keepingCapacity: true) }

    /// Reverts all writes since the last `fsync`.
    func loseUnsynced() {
        for (key, entry) in unsynced { entries[key] = entry }
        unsynced.removeAll()
    }

    func wipe() {
        for key in entries.keys { noteWrite(key) }
        entries.removeAll()
    }

    /// A copy of all data.
    var dump: MemoryRedis {
        let copy = MemoryRedis(runId: runId)
        copy.entries = entries
        return copy
    }

    func restore(_ dump: MemoryRedis) {
        entries = dump.entries
        unsynced.removeAll()
    }

    /// A field of a hash, as text; nil if there is none.
    func field(_ field: String, of key: String) -> String? {
        guard case .hash(let fields)? = entries[Bytes(key.utf8)]?.value else { return nil }
        return fields[Bytes(field.utf8)].map(\.text)
    }

    /// The members of a sorted set; empty if there is none.
    func members(of key: String) -> Set<Bytes> {
        guard case .sortedSet(let members)? = entries[Bytes(key.utf8)]?.value else { return [] }
        return Set(members.entries.map(\.member))
    }

    private func noteWrite(_ key: Bytes) {
        if unsynced[key] == nil { unsynced[key] = .some(entries[key]) }
    }

    // MARK: Keys

    private func entry(_ key: Bytes) -> Entry? {
        guard let entry = entries[key] else { return nil }
        if let expiresMs = entry.expiresMs, nowUs() / 1_000 >= expiresMs { return nil }
        return entry
    }

    func value(_ key: Bytes) -> RedisValue? { entry(key)?.value }

    /// When the key expires, in milliseconds since 1970. Nil if it never expires or does not exist.
    func expiry(_ key: Bytes) -> Int64? { entry(key)?.expiresMs }

    var keyCount: Int { entries.keys.count { entry($0) != nil } }

    func set(_ key: Bytes, _ value: RedisValue, expiresMs: Int64? = nil) {
        noteWrite(key)
        entries[key] = value.isEmpty ? nil : Entry(value: value, expiresMs: expiresMs)
    }

    /// Replaces the value of a key, and keeps the expiry.
    func update(_ key: Bytes, _ value: RedisValue) { set(key, value, expiresMs: entry(key)?.expiresMs) }

    func remove(_ key: Bytes) -> Bool {
        guard entry(key) != nil else { return false }
        noteWrite(key)
        entries[key] = nil
        return true
    }

    func expire(_ key: Bytes, atMs expiresMs: Int64) -> Bool {
        guard let entry = entry(key) else { return false }
        set(key, entry.value, expiresMs: expiresMs)
        return true
    }

    /// Returns some keys, in an order that stays the same when other keys are added or removed. A cursor of `SCAN`
    /// needs this. Each run of the server has another order, because Redis draws a hash seed at each start. So a cursor
    /// from an earlier run misses keys.
    func scan(from cursor: UInt64, count: Int) -> (next: UInt64, keys: [Bytes]) {
        let ordered = entries.keys.map { (place: Self.place(of: $0, seed: runId), key: $0) }
            .filter { $0.place >= cursor }
            .sorted { $0.place != $1.place ? $0.place < $1.place : $0.key.lexicographicallyPrecedes($1.key) }
        var page: [Bytes] = []
        for (index, element) in ordered.enumerated() {
            if page.count >= count, index > 0, ordered[index - 1].place != element.place {
                return (element.place, page)
            }
            page.append(element.key)
        }
        return (0, page)
    }

    /// The place of a key in the order of `scan`. Never 0, because a cursor of 0 means the end.
    private static func place(of key: Bytes, seed: Bytes) -> UInt64 { max(1, (seed + key).fnv1a >> 12) }

    /// All keys and values in a fixed order, so that replicas can be compared.
    var contents: [(key: Bytes, value: RedisValue)] {
        entries.keys.filter { entry($0) != nil }.sorted { $0.lexicographicallyPrecedes($1) }
            .map { ($0, entries[$0]!.value) }
    }
}
