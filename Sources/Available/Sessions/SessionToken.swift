import Replication

/// Records the versions that a session has seen, as version vectors by key. Its size is limited, so it lists only the
/// keys that the session saw first (rule A9). It gives the guarantees read your writes and monotonic reads (Terry et
/// al., *Session Guarantees for Weakly Consistent Replicated Data*, 1994).
///
/// A key whose entry did not fit into the token is never listed later. The session has seen a version of this key that
/// the token does not record, so a later entry would claim too little.
struct SessionToken: Equatable {
    /// The entry of one key. Keys with the same hash share an entry, which then demands too much and never too little.
    enum Seen: Equatable {
        /// Not listed: the session has not seen the key, or its entry did not fit.
        case unlisted
        /// The key was listed until its vector outgrew the token.
        case lost
        /// The vector that the session has seen, as text; empty if it saw that the key does not exist.
        case upTo(Bytes)
    }

    private struct Entry: Equatable {
        let hash: UInt64
        /// The vector as text; nil if it did not fit.
        var vector: Bytes?
    }

    private var entries: [Entry] = []
    private(set) var isFull = false

    /// The most bytes that fit into a text of 1 KiB, after the head that the signer adds.
    static let maxByteCount = 768 - SessionSigner.headCount
    private static let hashCount = 8

    init() {}

    private var isWithinBounds: Bool { entries.count < 128 && bytes.count <= Self.maxByteCount }

    func seen(of key: Bytes) -> Seen {
        guard let entry = entries.first(where: { $0.hash == key.fnv1a }) else { return .unlisted }
        return entry.vector.map { .upTo($0) } ?? .lost
    }

    /// True if the token lists a version of `key`, or does not list the key and is not full.
    func canNote(_ key: Bytes) -> Bool {
        switch seen(of: key) {
        case .upTo: true
        case .lost: false
        case .unlisted: !isFull
        }
    }

    /// Records that the session has seen everything of `key` up to `vector`, which is text.
    mutating func note(_ key: Bytes, _ vector: Bytes) {
        let hash = key.fnv1a
        guard let index = entries.firstIndex(where: { $0.hash == hash }) else {
            guard !isFull else { return }
            entries.append(Entry(hash: hash, vector: vector))
            guard !isWithinBounds else { return }
            entries.removeLast()
            isFull = true
            return
        }
        guard let old = entries[index].vector, old != vector else { return }
        entries[index].vector = Self.joined(old, vector)
        if !isWithinBounds { entries[index].vector = nil }
    }

    private static func joined(_ left: Bytes, _ right: Bytes) -> Bytes? {
        guard let left = VersionVector(text: left), let right = VersionVector(text: right) else { return nil }
        return left.joined(right).text
    }

    // MARK: Bytes

    /// Format: a byte with the number of keys, plus 128 if the token is full. Eight bytes of hash per key. One bit per
    /// key, which is set if the key's vector was lost. Then the vectors that were not lost.
    var bytes: Bytes {
        var bytes: Bytes = [UInt8(entries.count) | (isFull ? 128 : 0)]
        for entry in entries { bytes.append(bigEndian: entry.hash) }
        for first in stride(from: 0, to: entries.count, by: 8) {
            let marks = entries[first...].prefix(8).enumerated().map { $1.vector == nil ? UInt8(1) << UInt8($0) : 0 }
            bytes.append(marks.reduce(0, |))
        }
        return bytes + VectorCode.pack(entries.compactMap(\.vector))
    }

    /// The bytes of the token of a session that has seen only `key`. Almost every answer carries such a token.
    ///
    /// - Parameter packed: the key's vector, encoded by ``VectorCode``.
    static func bytes(ofOnly key: Bytes, packed: Bytes) -> Bytes {
        let count = 1 + hashCount + 1 + packed.count
        guard count <= maxByteCount else {
            var full = SessionToken()
            full.isFull = true
            return full.bytes
        }
        var bytes = Bytes()
        bytes.reserveCapacity(count)
        bytes.append(1)
        bytes.append(bigEndian: key.fnv1a)
        bytes.append(0)
        return bytes + packed
    }

    /// Nil if `bytes` are not the ``bytes`` of a token.
    init?(bytes: ArraySlice<UInt8>) {
        guard let head = bytes.first, bytes.count <= Self.maxByteCount else { return nil }
        isFull = head >= 128
        let count = Int(head & 127)
        let marksCount = (count + 7) / 8
        var rest = bytes.dropFirst()
        guard rest.count >= count * Self.hashCount + marksCount else { return nil }
        let marks = Bytes(rest.dropFirst(count * Self.hashCount).prefix(marksCount))
        guard let vectors = VectorCode.unpack(rest.dropFirst(count * Self.hashCount + marksCount)) else { return nil }
        var next = vectors.makeIterator()
        for index in 0..<count {
            guard let hash = rest.popBigEndian() else { return nil }
            guard marks[index / 8] & 1 << UInt8(index % 8) == 0 else {
                entries.append(Entry(hash: hash, vector: nil))
                continue
            }
            guard let vector = next.next() else { return nil }
            entries.append(Entry(hash: hash, vector: vector))
        }
        guard next.next() == nil else { return nil }
    }
}
