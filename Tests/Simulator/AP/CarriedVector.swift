import Replication

/// Decodes a `version` of the AP service: base64url of a format byte, a message authentication code of 16 bytes, and
/// the packed vector.
///
/// This is a second implementation, written from the description of the format, so that the judges do not rely on the
/// code that they judge.
enum CarriedVector {
    static func vector(of version: String) -> Bytes? {
        guard let payload = payload(of: version) else { return nil }
        let vectors = vectors(packedIn: payload[...])
        return vectors.count == 1 ? vectors[0] : nil
    }

    /// Unpacks vectors to text. The packed form begins with the actors, each as a name and a number, or as any other
    /// text. Then each vector lists positions of its actors, each with its `hlc`.
    static func vectors(packedIn packed: ArraySlice<UInt8>) -> [Bytes] {
        var rest = packed
        func number() -> Int {
            var value = 0
            var scale = 1
            while let digit = rest.popFirst() {
                value += Int(digit % 128) * scale
                scale *= 128
                if digit < 128 { break }
            }
            return value
        }
        func bytes(_ count: Int) -> Bytes {
            defer { rest = rest.dropFirst(count) }
            return Bytes(rest.prefix(count))
        }
        func long() -> UInt64 { bytes(8).reduce(0) { $0 << 8 | UInt64($1) } }
        let actors: [String] = (0..<number()).map { _ in
            let count = number()
            guard count < 128 else { return String(decoding: bytes(count - 128), as: UTF8.self) }
            let name = String(decoding: bytes(count), as: UTF8.self)
            let digits = String(long(), radix: 16)
            return "\(name).\(String(repeating: "0", count: 16 - digits.count))\(digits)"
        }
        var vectors: [Bytes] = []
        while !rest.isEmpty {
            let entries = (0..<number()).map { _ in
                let actor = actors[number()]
                return "\(actor)=\(long())"
            }
            vectors.append(Bytes(entries.joined(separator: " ").utf8))
        }
        return vectors
    }

    /// The signed part of a context or a token: the bytes after the format byte and the code.
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

    /// The `hlc` of each entry of a vector, by actor.
    static func entries(_ vector: Bytes) -> [Bytes: Int64] {
        var entries: [Bytes: Int64] = [:]
        for entry in vector.split(separator: UInt8(ascii: " ")) {
            let parts = entry.split(separator: UInt8(ascii: "="))
            guard parts.count == 2, let hlc = Int64(decimal: parts[1]) else { continue }
            entries[Bytes(parts[0])] = hlc
        }
        return entries
    }

    /// The dot with the highest `hlc` of a vector. In the answer to a write, this dot names the write.
    static func newestDot(_ vector: Bytes) -> Bytes? {
        entries(vector).max { $0.value < $1.value }
            .map { $0.key + [UInt8(ascii: "@")] + Bytes(String($0.value).utf8) }
    }
}

/// Decodes an `X-Session-Token`, which contains:
/// - a format byte, and a message authentication code of 16 bytes
/// - a byte with the number of keys, plus 128 if the token is full
/// - eight bytes of hash per key
/// - one bit per key, set if the key's vector did not fit
/// - the other vectors, packed
enum CarriedSession {
    /// True if the token lists `key` with a vector that covers `vector`.
    static func lists(_ key: Bytes, upTo vector: Bytes, in token: String?) -> Bool {
        guard let token, let payload = CarriedVector.payload(of: token), let head = payload.first else { return false }
        let count = Int(head % 128)
        let bits = payload.dropFirst(1 + 8 * count).prefix((count + 7) / 8)
        var vectors = CarriedVector.vectors(packedIn: payload.dropFirst(1 + 8 * count + bits.count))[...]
        for place in 0..<count {
            let isLost = bits[bits.startIndex + place / 8] >> UInt8(place % 8) & 1 == 1
            let listed = isLost ? nil : vectors.popFirst()
            let hash = payload.dropFirst(1 + 8 * place).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard hash == key.fnv1a else { continue }
            guard let listed else { return false }
            let entries = CarriedVector.entries(listed)
            return CarriedVector.entries(vector).allSatisfy { $0.value <= entries[$0.key] ?? 0 }
        }
        return false
    }
}
