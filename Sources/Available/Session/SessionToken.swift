import Replication

/// What one session has seen: of each of its first keys, all up to a version vector (DESIGN A9; Terry et al., *Session
/// Guarantees for Weakly Consistent Replicated Data*, 1994: read your writes, and monotonic reads).
///
/// It is bounded. A key that found no room is never listed later: the session has seen something of it that nobody noted,
/// and a later entry would claim less than that.
struct SessionToken: Equatable {
    /// What is known of a key. Keys whose hashes are the same share an entry: it then asks for too much, never too little.
    enum Seen: Equatable {
        /// Not listed: never seen, or seen without being noted.
        case unlisted
        /// Listed once, until its vector found no room.
        case lost
        /// The text of the vector; empty where the key was seen to be absent.
        case upTo(Bytes)
    }

    private struct Entry: Equatable {
        let hash: UInt64
        var vector: Bytes?

        var byteCount: Int { SessionToken.entryHeadCount + (vector?.count ?? 0) }
    }

    private var entries: [Entry] = []
    private(set) var isFull = false

    /// Bytes of the payload that the text of 1 KiB has room for, less the head that the signer puts in front.
    static let maxByteCount = 768 - SessionSigner.headCount
    fileprivate static let entryHeadCount = 10
    private static let lostMark = UInt16.max

    init() {}

    private var byteCount: Int { entries.reduce(1) { $0 + $1.byteCount } }

    func seen(of key: Bytes) -> Seen {
        guard let entry = entries.first(where: { $0.hash == key.fnv1a }) else { return .unlisted }
        return entry.vector.map { .upTo($0) } ?? .lost
    }

    /// True where what is seen of `key` is, or can be, noted.
    func canNote(_ key: Bytes) -> Bool {
        switch seen(of: key) {
        case .upTo: true
        case .lost: false
        case .unlisted: !isFull
        }
    }

    /// The session has seen all of `key` up to `vector`, the text of one.
    mutating func note(_ key: Bytes, _ vector: Bytes) {
        let hash = key.fnv1a
        guard let index = entries.firstIndex(where: { $0.hash == hash }) else {
            guard !isFull else { return }
            let entry = Entry(hash: hash, vector: vector)
            if byteCount + entry.byteCount <= Self.maxByteCount { entries.append(entry) } else { isFull = true }
            return
        }
        guard let old = entries[index].vector, old != vector else { return }
        let joined = Self.joined(old, vector)
        entries[index].vector = nil
        let isRoom = joined.map { byteCount + $0.count <= Self.maxByteCount } ?? false
        if isRoom { entries[index].vector = joined }
    }

    private static func joined(_ left: Bytes, _ right: Bytes) -> Bytes? {
        guard let left = VersionVector(text: left), let right = VersionVector(text: right) else { return nil }
        return left.joined(right).text
    }

    // MARK: Bytes

    /// A byte that is 1 where it is full; then for each key eight bytes of hash, two of length, the vector.
    var bytes: Bytes {
        var bytes: Bytes = [isFull ? 1 : 0]
        for entry in entries {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: entry.hash >> UInt64(shift)))
            }
            let length = entry.vector.map { UInt16($0.count) } ?? Self.lostMark
            bytes += [UInt8(length >> 8), UInt8(truncatingIfNeeded: length)]
            bytes += entry.vector ?? []
        }
        return bytes
    }

    /// Nil where they are not what ``bytes`` gives.
    init?(bytes: ArraySlice<UInt8>) {
        guard let flag = bytes.first, flag <= 1, bytes.count <= Self.maxByteCount else { return nil }
        isFull = flag == 1
        var rest = bytes.dropFirst()
        while !rest.isEmpty {
            guard rest.count >= Self.entryHeadCount else { return nil }
            let hash = rest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let length = rest.dropFirst(8).prefix(2).reduce(UInt16(0)) { $0 << 8 | UInt16($1) }
            rest = rest.dropFirst(Self.entryHeadCount)
            guard length != Self.lostMark else {
                entries.append(Entry(hash: hash, vector: nil))
                continue
            }
            guard rest.count >= length else { return nil }
            entries.append(Entry(hash: hash, vector: Bytes(rest.prefix(Int(length)))))
            rest = rest.dropFirst(Int(length))
        }
    }
}
