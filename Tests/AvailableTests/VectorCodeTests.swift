import Replication
import TestSupport
import Testing

@testable import Available

/// The compact encoding of version vectors.
@Suite(.timeLimit(.minutes(20))) struct VectorCodeTests {
    private func bytes(_ text: String) -> Bytes { Bytes(text.utf8) }

    /// The actor of one incarnation of a replica.
    private func actor(_ replica: Int, _ incarnation: Int) -> String {
        "g\(replica).\(String(decoding: Bytes(hexadecimal: UInt64(incarnation) &* 0x9E37_79B9_7F4A_7C15), as: UTF8.self))"
    }

    @Test func vectorsAreDecodedAsTheyWereEncoded() {
        let vectors = [
            "", "g1.0011223344556677=1700000000000000",
            "g1.0011223344556677=9007199254740992 g2.ffffffffffffffff=0 some-name.8899aabbccddeeff=9223372036854775807",
            // Actors that no replica can have are decoded, too.
            "a=1 g1.AABBCCDDEEFF0011=2 g1.0=3 .0011223344556677=4",
            (0..<300).map { "\(actor(1, $0))=\($0)" }.joined(separator: " "),
        ].map(bytes)
        #expect(VectorCode.unpack(VectorCode.pack(vectors)[...]) == vectors)
        for vector in vectors { #expect(VectorCode.unpack(VectorCode.pack([vector])[...]) == [vector]) }
        #expect(VectorCode.unpack(VectorCode.pack([])[...]) == [])
    }

    @Test func aTextThatIsNoVectorCoversNothing() {
        for text in ["g1", "=1", "g1=", "g1=x", "g1=-1", " ", "g1=1 ", " g1=1", "g1=1  g2=1"] {
            #expect(VectorCode.unpack(VectorCode.pack([bytes(text)])[...]) == [[]])
        }
    }

    @Test func arbitraryBytesAreRejectedAndNeverATrap() {
        let packed = VectorCode.pack([bytes("g1.0011223344556677=5 odd=6"), bytes("odd=7")])
        for count in 0..<packed.count {
            if let vectors = VectorCode.unpack(packed.prefix(count)) { #expect(vectors.count < 2) }
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var changed = packed
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                changed[Int.random(in: changed.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = VectorCode.unpack(changed[...])
        }
        #expect(VectorCode.unpack([128, 128, 128, 128, 0]) == nil)
    }

    /// The numbers are those of docs/guarantees-ap.md.
    @Test func aTokenHasRoomForTheDocumentedNumberOfKeys() {
        let token = { (keys: Int, actors: [String]) in
            var token = SessionToken()
            for key in 0..<keys {
                let vector = actors.map { "\($0)=\(1_700_000_000_000_000 + key)" }.joined(separator: " ")
                token.note(self.bytes("key \(key)"), self.bytes(vector))
            }
            return token
        }
        #expect(!token(40, [actor(1, 1)]).isFull)
        #expect(!token(19, (1...3).map { actor($0, $0) }).isFull)
        let actors = { (count: Int) in (0..<count).map { self.actor(1 + $0 % 3, $0) } }
        #expect(!token(1, actors(36)).isFull && token(1, actors(37)).isFull)
        let signer = ContextSigner(secret: "a secret of tests", groupName: "demo")
        let text = { (count: Int) in
            signer.text(
                vector: self.bytes(actors(count).map { "\($0)=1700000000000000" }.joined(separator: " ")), key: [])
        }
        #expect(text(151).utf8.count <= 4_096 && text(152).utf8.count > 4_096)
        // A request head may have 8 KiB. Its request line and other fields need about 100 bytes of them.
        #expect(text(290).utf8.count <= 8_192 - 100 && text(300).utf8.count > 8_192 - 100)
    }

    @Test func theTokenOfOneKeyEqualsThatOfASessionWithThatKey() {
        for count in [0, 1, 3, 36, 37, 100] {
            let vector = bytes(
                (0..<count).map { "\(actor(1, $0))=\(1_700_000_000_000_000 + $0)" }.joined(separator: " "))
            var token = SessionToken()
            token.note(bytes("k"), vector)
            #expect(SessionToken.bytes(ofOnly: bytes("k"), packed: VectorCode.pack([vector])) == token.bytes)
        }
    }
}

extension ContextSigner {
    func text(vector: Bytes, key: Bytes) -> String { text(packed: VectorCode.pack([vector]), key: key) }
}
