import Replication

/// A compact encoding of version vectors, for contexts and session tokens. Each actor is named once for all vectors;
/// incarnations and clocks are binary. An entry takes about 20 bytes, or 9 if another vector has the same actor; as
/// text 36.
///
/// Format: the number of actors, then the actors. Then per vector the number of its entries, and per entry the actor's
/// position and eight bytes of clock. Counts and positions are LEB128.
enum VectorCode {
    /// - Parameter vectors: vectors as text. A text that is not a vector is encoded as an empty vector, which covers
    ///   nothing.
    static func pack(_ vectors: [Bytes]) -> Bytes {
        var actors: [Bytes] = []
        var body = Bytes()
        for vector in vectors {
            let entries = VersionVector.entries(ofText: vector) ?? []
            append(UInt64(entries.count), to: &body)
            for (actor, hlc) in entries {
                let position = actors.firstIndex { $0.elementsEqual(actor) } ?? actors.count
                if position == actors.count { actors.append(Bytes(actor)) }
                append(UInt64(position), to: &body)
                body.append(bigEndian: hlc)
            }
        }
        var packed = Bytes()
        packed.reserveCapacity(body.count + actors.count * 16 + 2)
        append(UInt64(actors.count), to: &packed)
        for actor in actors { append(actor: actor, to: &packed) }
        return packed + body
    }

    /// The vectors that ``pack(_:)`` encoded, as text; nil for any other bytes.
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
                guard let position = number(&rest), position < actors.count, let hlc = rest.popBigEndian() else {
                    return nil
                }
                if !text.isEmpty { text.append(UInt8(ascii: " ")) }
                text += actors[position]
                text.append(UInt8(ascii: "="))
                text += Bytes(decimal: hlc)
            }
            vectors.append(text)
        }
        return vectors
    }

    // MARK: Actors

    private static let digitCount = 16

    /// Appends the length of the replica's name, the name, and the incarnation as a number. An actor of any other form
    /// is copied as it is, with 128 added to its length.
    private static func append(actor: Bytes, to bytes: inout Bytes) {
        let nameCount = actor.count - digitCount - 1
        let incarnation = actor.suffix(digitCount)
        if nameCount > 0, nameCount < 128, actor[nameCount] == UInt8(ascii: "."),
            let number = UInt64(hexadecimal: incarnation)
        {
            append(UInt64(nameCount), to: &bytes)
            bytes += actor.prefix(nameCount)
            bytes.append(bigEndian: number)
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
        guard let incarnation = rest.popBigEndian() else { return nil }
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

    /// Reads a number of at most three LEB128 digits, which suffice for every count in the longest context.
    private static func number(_ rest: inout ArraySlice<UInt8>) -> Int? {
        var value = 0
        for shift in [0, 7, 14] {
            guard let digit = rest.popFirst() else { return nil }
            value |= Int(digit & 127) << shift
            if digit < 128 { return value }
        }
        return nil
    }
}
