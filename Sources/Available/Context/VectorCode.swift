import Replication

/// Version vectors in few bytes, for what clients carry: an actor is named once, however many vectors have it, and its
/// incarnation and clock are numbers and not digits. About 20 bytes an entry, or 9 where another vector has the actor too;
/// 36 as text.
///
/// First the number of actors and the actors; then for each vector the number of its entries, and for each of these the
/// actor's place and eight bytes of clock. Counts and places are in base 128, the lowest digits first (LEB128).
enum VectorCode {
    /// - Parameter vectors: the texts of vectors. What is no such text is packed as a vector that covers nothing.
    static func pack(_ vectors: [Bytes]) -> Bytes {
        var actors: [Bytes] = []
        var body = Bytes()
        for vector in vectors {
            let entries = VersionVector.entries(ofText: vector) ?? []
            append(UInt64(entries.count), to: &body)
            for (actor, hlc) in entries {
                let place = actors.firstIndex { $0.elementsEqual(actor) } ?? actors.count
                if place == actors.count { actors.append(Bytes(actor)) }
                append(UInt64(place), to: &body)
                append(bigEndian: hlc, to: &body)
            }
        }
        var packed = Bytes()
        packed.reserveCapacity(body.count + actors.count * 16 + 2)
        append(UInt64(actors.count), to: &packed)
        for actor in actors { append(actor: actor, to: &packed) }
        return packed + body
    }

    /// The texts of the vectors, and nothing else, that ``pack(_:)`` made `packed` of; nil where it is no such thing.
    static func unpack(_ packed: ArraySlice<UInt8>) -> [Bytes]? {
        var rest = packed
        guard let actorCount = number(&rest), actorCount <= rest.count else { return nil }
        var actors: [Bytes] = []
        for _ in 0..<actorCount {
            guard let actor = actor(&rest) else { return nil }
            actors.append(actor)
        }
        var vectors: [Bytes] = []
        while !rest.isEmpty {
            guard let entryCount = number(&rest), entryCount <= rest.count else { return nil }
            var text = Bytes()
            for _ in 0..<entryCount {
                guard let place = number(&rest), place < actors.count, let hlc = bigEndian(&rest) else { return nil }
                if !text.isEmpty { text.append(UInt8(ascii: " ")) }
                text += actors[place]
                text.append(UInt8(ascii: "="))
                text += Bytes(decimal: hlc)
            }
            vectors.append(text)
        }
        return vectors
    }

    // MARK: Actors

    private static let digitCount = 16

    /// The length of the replica's name, the name, and the incarnation as a number; an actor of another form as it is, with
    /// 128 added to its length.
    private static func append(actor: Bytes, to bytes: inout Bytes) {
        let nameCount = actor.count - digitCount - 1
        let incarnation = actor.suffix(digitCount)
        if nameCount > 0, nameCount < 128, actor[nameCount] == UInt8(ascii: "."),
            let number = UInt64(hexadecimal: incarnation)
        {
            append(UInt64(nameCount), to: &bytes)
            bytes += actor.prefix(nameCount)
            append(bigEndian: number, to: &bytes)
        } else {
            append(UInt64(actor.count) + 128, to: &bytes)
            bytes += actor
        }
    }

    private static func actor(_ rest: inout ArraySlice<UInt8>) -> Bytes? {
        guard let count = number(&rest) else { return nil }
        guard count < 128 else {
            guard rest.count >= count - 128 else { return nil }
            defer { rest = rest.dropFirst(count - 128) }
            return Bytes(rest.prefix(count - 128))
        }
        guard rest.count >= count else { return nil }
        let name = Bytes(rest.prefix(count))
        rest = rest.dropFirst(count)
        guard let incarnation = bigEndian(&rest) else { return nil }
        return name + [UInt8(ascii: ".")] + Bytes(hexadecimal: incarnation)
    }

    // MARK: Numbers

    private static func append(_ number: UInt64, to bytes: inout Bytes) {
        var rest = number
        while rest >= 128 {
            bytes.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// At most three digits: what they count is shorter than the longest context.
    private static func number(_ rest: inout ArraySlice<UInt8>) -> Int? {
        var value = 0
        for shift in [0, 7, 14] {
            guard let digit = rest.popFirst() else { return nil }
            value |= Int(digit & 127) << shift
            if digit < 128 { return value }
        }
        return nil
    }

    private static func append(bigEndian number: UInt64, to bytes: inout Bytes) {
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
        }
    }

    private static func bigEndian(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        guard rest.count >= 8 else { return nil }
        defer { rest = rest.dropFirst(8) }
        return rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
