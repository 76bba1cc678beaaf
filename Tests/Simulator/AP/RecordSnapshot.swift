import Replication

/// One `ap:` record as a replica stores it. It is parsed without the engine's code.
struct RecordSnapshot: Equatable {
    var vector = Bytes()
    /// The siblings, sorted by the bytes of their dots.
    var siblings: [(dot: Bytes, packed: Bytes)] = []

    /// The Redis key of a record, from the client's key.
    static func redisKey(_ key: Bytes) -> Bytes { Bytes("ap:".utf8) + key }

    init(_ value: RedisValue?) {
        guard case .hash(let fields)? = value else { return }
        for pair in fields.pairs {
            if pair.field == Bytes("vv".utf8) {
                vector = pair.value
            } else if pair.field != Bytes("at".utf8) {
                siblings.append((pair.field, pair.value))
            }
        }
        siblings.sort { $0.dot.lexicographicallyPrecedes($1.dot) }
    }

    static func == (left: RecordSnapshot, right: RecordSnapshot) -> Bool {
        left.vector == right.vector && left.siblings.count == right.siblings.count
            && zip(left.siblings, right.siblings).allSatisfy { $0 == $1 }
    }

    /// The write ids of the record's siblings.
    var writes: [Bytes] { siblings.map { Self.writeId(of: $0.packed) } }

    /// The values of all writes but the one with the highest dot, newest first; nil for a delete.
    var besideTheNewest: [Bytes?] {
        var seen: Set<Bytes> = []
        let newestFirst = siblings.sorted { Self.isLater($0.dot, $1.dot) }
        let distinct = newestFirst.filter { seen.insert(Self.writeId(of: $0.packed)).inserted }
        return distinct.dropFirst().map { $0.packed.first == UInt8(ascii: "V") ? Self.value(of: $0.packed) : nil }
    }

    /// True if the left dot has the higher `hlc`, or if both are equal, the higher actor.
    private static func isLater(_ left: Bytes, _ right: Bytes) -> Bool {
        let (left, right) = (left.split(separator: UInt8(ascii: "@")), right.split(separator: UInt8(ascii: "@")))
        guard left.count == 2, right.count == 2 else { return false }
        let (leftHlc, rightHlc) = (Int64(decimal: left[1]) ?? 0, Int64(decimal: right[1]) ?? 0)
        return leftHlc != rightHlc ? leftHlc > rightHlc : right[0].lexicographicallyPrecedes(left[0])
    }

    /// True if the argument has the form in which a put carries a sibling: `V` or `T`, a write id of 16 digits, and two
    /// colons, because there is no expiry yet. The value follows.
    static func isPacked(_ word: Bytes) -> Bool {
        word.count >= 19 && (word[0] == UInt8(ascii: "V") || word[0] == UInt8(ascii: "T"))
            && word[17] == UInt8(ascii: ":") && word[18] == UInt8(ascii: ":")
    }

    /// True if the sibling is a value that has not expired at `nowMs`.
    static func isAlive(_ packed: Bytes, atMs nowMs: Int64) -> Bool {
        guard packed.first == UInt8(ascii: "V") else { return false }
        let expiry = packed.dropFirst(18).prefix { $0 != UInt8(ascii: ":") }
        return expiry.isEmpty || (Int64(decimal: expiry) ?? 0) > nowMs
    }

    /// True if the sibling is a value that never expires.
    static func isForEver(_ packed: Bytes) -> Bool {
        packed.count > 18 && packed[0] == UInt8(ascii: "V") && packed[18] == UInt8(ascii: ":")
    }

    /// True if the siblings are of more than one write, and at least one is a value.
    var isConflict: Bool {
        Set(writes).count > 1 && siblings.contains { $0.packed.first == UInt8(ascii: "V") }
    }

    static func writeId(of packed: Bytes) -> Bytes { Bytes(packed.dropFirst().prefix(16)) }
    static func value(of packed: Bytes) -> Bytes {
        Bytes(packed.dropFirst(18).drop { $0 != UInt8(ascii: ":") }.dropFirst())
    }
}
