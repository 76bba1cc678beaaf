import Replication

@testable import Available

/// Contexts and session tokens: what this group did not sign is refused, and what it signed is read back.
struct ContextsTarget: FuzzTarget {
    private let contexts = ContextSigner(secret: "0123456789abcdef", groupName: "demo")
    private let sessions = SessionSigner(
        secret: GroupSecret(key: "0123456789abcdef", fallback: "an earlier secret"), groupName: "demo")
    private let foreign = ContextSigner(secret: "0123456789abcdeg", groupName: "demo")

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        switch input.below(4) {
        case 0: try checkText(input.remainder())
        case 1: try checkPacked(input.remainder())
        case 2: try checkContext(&input)
        default: try checkSession(&input)
        }
    }

    /// No text is valid that was not signed.
    private func checkText(_ bytes: [UInt8]) throws(Finding) {
        for text in [String(decoding: bytes, as: UTF8.self), Base64URL.encode(bytes)] {
            try require(contexts.vector(of: text, key: Bytes("k".utf8)) == nil, "the context \(text) is accepted")
            try require(sessions.token(text) == nil, "the token \(text) is accepted")
        }
    }

    /// What is behind the signature is bounded, too: another version of the program may have signed it.
    private func checkPacked(_ bytes: [UInt8]) throws(Finding) {
        if let vectors = VectorCode.unpack(bytes[...]) {
            try require(vectors.count <= bytes.count, "\(vectors.count) vectors in \(bytes.count) bytes")
        }
        if let token = SessionToken(bytes: bytes[...]) {
            var changed = token
            changed.note(Bytes("k".utf8), Bytes("g1.0011223344556677=5".utf8))
            _ = (token.bytes, changed.bytes, token.canNote(Bytes("k".utf8)))
        }
    }

    private static func vector(_ input: inout FuzzInput) -> Bytes {
        var entries: [Bytes: UInt64] = [:]
        for _ in 0..<input.below(6) {
            let isUsual = input.bool()
            let name = Bytes("g\(input.below(4))".utf8)
            let actor = isUsual ? name + Bytes(".".utf8) + Bytes(hexadecimal: input.number()) : input.bytes(atMost: 9)
            // As in a vector's text.
            let isActor = !actor.isEmpty && !actor.contains { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "=") }
            if isActor { entries[actor] = input.number() >> 10 }
        }
        return VersionVector(entries).text
    }

    private func checkContext(_ input: inout FuzzInput) throws(Finding) {
        let vector = Self.vector(&input)
        let key = input.bytes(atMost: 8)
        let text = contexts.text(packed: VectorCode.pack([vector]), key: key)
        try require(contexts.vector(of: text, key: key) == vector, "the context of \(quoted(vector)) is lost")
        let cache = ContextCache(signer: contexts, sessions: sessions, maxEntries: 4)
        try require(cache.signed(vector: vector, key: key).text == text, "the cache signs another text")
        try require(cache.vector(of: text, key: key) == vector, "the cache loses a context")
        let other = input.bytes(atMost: 8)
        if other != key {
            try require(contexts.vector(of: text, key: other) == nil, "a context of another key is accepted")
            try require(cache.vector(of: text, key: other) == nil, "the cache accepts a context of another key")
        }
        try require(foreign.vector(of: text, key: key) == nil, "a context under another secret is accepted")
        try require(sessions.token(text) == nil, "a context is accepted as a session token")
        let altered = Self.altered(text, &input)
        try require(
            altered == text || contexts.vector(of: altered, key: key) == nil, "\(altered) is as good as \(text)")
    }

    private static func altered(_ text: String, _ input: inout FuzzInput) -> String {
        var bytes = Array(text.utf8)
        for _ in 0...input.below(3) where !bytes.isEmpty {
            let index = input.below(bytes.count)
            switch input.below(3) {
            case 0: bytes[index] = input.byte()
            case 1: bytes.remove(at: index)
            default: bytes.insert(input.byte(), at: index)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A token covers everything that was noted in it, or says that it does not; and it is never too long.
    private func checkSession(_ input: inout FuzzInput) throws(Finding) {
        var token = SessionToken()
        var noted: [Bytes: VersionVector] = [:]
        for _ in 0..<64 where !input.isEmpty {
            let key = input.bytes(atMost: 2)
            let vector = Self.vector(&input)
            token.note(key, vector)
            noted[key] = (noted[key] ?? VersionVector()).joined(VersionVector(text: vector) ?? VersionVector())
        }
        try require(token.bytes.count <= SessionToken.maxByteCount, "a token of \(token.bytes.count) bytes")
        let text = sessions.text(token)
        try require(text.utf8.count <= SessionSigner.maxTextCount, "a text of \(text.utf8.count) bytes")
        try require(sessions.token(text) == token, "a session token is lost")
        for (key, vector) in noted {
            switch token.seen(of: key) {
            case .lost: continue
            case .unlisted: try require(token.isFull, "\(quoted(key)) is not in a token that has room")
            case .upTo(let seen):
                try require(
                    VersionVector(text: seen)?.covers(vector) == true, "\(quoted(key)) up to \(quoted(seen)) only")
            }
        }
        let altered = Self.altered(text, &input)
        try require(altered == text || sessions.token(altered) == nil, "\(altered) is as good as \(text)")
        try require(contexts.vector(of: text, key: []) == nil, "a session token is accepted as a context")
    }
}
