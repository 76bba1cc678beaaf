import Replication

/// One `ap:` record as a replica holds it, read for judgement and not for the protocol.
struct RecordSnapshot: Equatable {
    var vector = Bytes()
    /// By dot, in the order of the dots' bytes.
    var siblings: [(dot: Bytes, packed: Bytes)] = []

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

    /// The write ids of its siblings.
    var writes: [Bytes] { siblings.map { Self.writeId(of: $0.packed) } }

    /// The values of all writes but that of the highest dot, newest first; nil for a delete.
    var besideTheNewest: [Bytes?] {
        var seen: Set<Bytes> = []
        let newestFirst = siblings.sorted { Self.isLater($0.dot, $1.dot) }
        let distinct = newestFirst.filter { seen.insert(Self.writeId(of: $0.packed)).inserted }
        return distinct.dropFirst().map { $0.packed.first == UInt8(ascii: "V") ? Self.value(of: $0.packed) : nil }
    }

    /// By the clock value in a dot, then by its actor.
    private static func isLater(_ left: Bytes, _ right: Bytes) -> Bool {
        let (left, right) = (left.split(separator: UInt8(ascii: "@")), right.split(separator: UInt8(ascii: "@")))
        guard left.count == 2, right.count == 2 else { return false }
        let (leftHlc, rightHlc) = (Int64(decimal: left[1]) ?? 0, Int64(decimal: right[1]) ?? 0)
        return leftHlc != rightHlc ? leftHlc > rightHlc : right[0].lexicographicallyPrecedes(left[0])
    }

    func write(at dot: Bytes) -> Bytes? { siblings.first { $0.dot == dot }.map { Self.writeId(of: $0.packed) } }

    /// A sibling is `V` or `T`, sixteen hexadecimal digits that name the write, the expiry and the value, by colons.
    static func isPacked(_ word: Bytes) -> Bool {
        word.count >= 19 && (word[0] == UInt8(ascii: "V") || word[0] == UInt8(ascii: "T"))
            && word[17] == UInt8(ascii: ":") && word[18] == UInt8(ascii: ":")
    }

    /// A value that has not expired.
    static func isAlive(_ packed: Bytes, atMs nowMs: Int64) -> Bool {
        guard packed.first == UInt8(ascii: "V") else { return false }
        let expiry = packed.dropFirst(18).prefix { $0 != UInt8(ascii: ":") }
        return expiry.isEmpty || (Int64(decimal: expiry) ?? 0) > nowMs
    }

    /// A value without an expiry.
    static func isForEver(_ packed: Bytes) -> Bool {
        packed.count > 18 && packed[0] == UInt8(ascii: "V") && packed[18] == UInt8(ascii: ":")
    }

    /// Values of more than one write, or a value and a delete, that nobody has reconciled.
    var isConflict: Bool {
        Set(writes).count > 1 && siblings.contains { $0.packed.first == UInt8(ascii: "V") }
    }

    static func writeId(of packed: Bytes) -> Bytes { Bytes(packed.dropFirst().prefix(16)) }
    static func value(of packed: Bytes) -> Bytes {
        Bytes(packed.dropFirst(18).drop { $0 != UInt8(ascii: ":") }.dropFirst())
    }
}

/// What a `version` of the AP service carries: base64url of a format byte, a code of 16 bytes, and the vector.
enum CarriedVector {
    static func vector(of version: Version) -> Bytes? {
        guard case .context(let text) = version else { return nil }
        return payload(of: text)
    }

    /// What is signed in a context or a token.
    static func payload(of text: String) -> Bytes? {
        var bytes = Bytes()
        var bits: UInt32 = 0
        var count = 0
        for character in text.utf8 {
            guard let digit = digit(character) else { return nil }
            bits = bits << 6 | digit
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes.count >= 17 ? Bytes(bytes[17...]) : nil
    }

    private static func digit(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character) + 4
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }

    /// Its entries by actor.
    static func entries(_ vector: Bytes) -> [Bytes: Int64] {
        var entries: [Bytes: Int64] = [:]
        for entry in vector.split(separator: UInt8(ascii: " ")) {
            let parts = entry.split(separator: UInt8(ascii: "="))
            guard parts.count == 2, let hlc = Int64(decimal: parts[1]) else { continue }
            entries[Bytes(parts[0])] = hlc
        }
        return entries
    }

    /// The newest dot of a vector: that of the write which answered with it.
    static func newestDot(_ vector: Bytes) -> Bytes? {
        entries(vector).max { $0.value < $1.value }
            .map { $0.key + [UInt8(ascii: "@")] + Bytes(String($0.value).utf8) }
    }
}
