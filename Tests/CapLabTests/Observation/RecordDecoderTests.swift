import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct RecordDecoderTests {
    private let decoder = RecordDecoder(nowMs: 1_000, proposers: ["00000000000000aa": "app_cp"])

    private func hash(_ fields: [(String, String)]) -> StoredHash {
        StoredHash(fields.map { (Array($0.0.utf8), Array($0.1.utf8)) })
    }

    private func fields(_ copy: Copy) -> [String] { copy.fields.map { "\($0.name) \($0.text)" } }

    @Test func aConsistentRecordIsDecoded() {
        let copy = decoder.consistent(
            hash([
                ("promise", "13:00000000000000aa"), ("ballot", "12:00000000000000bb"), ("version", "7"),
                ("value", "ana"), ("deleted", "0"), ("expires_ms", ""), ("writers", "w"), ("evicted_at", "0"),
            ]))
        #expect(copy.isReachable && copy.isPresent && copy.values == ["ana"] && copy.version == "7")
        #expect(fields(copy) == ["promised 13.app_cp", "accepted 12.0000", "version 7"])
        #expect(copy.raw.hasPrefix("ballot=12:00000000000000bb deleted=0"))
    }

    @Test func tombstonesExpiriesAndPromisesHaveNoValue() {
        let base = [
            ("promise", "1:00000000000000aa"), ("ballot", "1:00000000000000aa"), ("version", "2"), ("value", "x"),
        ]
        let tombstone = decoder.consistent(hash(base + [("deleted", "1"), ("expires_ms", "")]))
        #expect(tombstone.values.isEmpty && fields(tombstone).contains("tombstone yes"))
        let expired = decoder.consistent(hash(base + [("deleted", "0"), ("expires_ms", "1000")]))
        #expect(expired.values.isEmpty && fields(expired).last == "expired 00:00:01.000000")
        let alive = decoder.consistent(hash(base + [("deleted", "0"), ("expires_ms", "1001")]))
        #expect(alive.values == ["x"])
        let promise = decoder.consistent(hash([base[0]]))
        #expect(
            promise.isPresent && promise.values.isEmpty && fields(promise) == ["promised 1.app_cp", "accepted nothing"])
        #expect(!decoder.consistent(hash([])).isPresent)
    }

    @Test func anAvailableRecordIsDecodedTheWinnerFirst() {
        let copy = decoder.available(
            hash([
                ("vv", "g1.inc=45000000000000 g3.inc=45001500000000"), ("at", "1"),
                ("g1.inc@45000000000000", "V000000000000000a::ana"),
                ("g3.inc@45001500000000", "V000000000000000b::bob"),
                ("g2.inc@44000000000000", "V000000000000000b::bob"),
            ]))
        #expect(copy.values == ["bob", "ana"] && copy.version == nil)
        #expect(
            fields(copy) == [
                "dot g3:20:25:00.000000", "dot g1:20:00:00.000000", "dot g2:06:13:20.000000",
                "vector g1:20:00:00.000000 g3:20:25:00.000000",
            ])
    }

    @Test func siblingsThatAreGoneHaveNoValue() {
        let copy = decoder.available(
            hash([
                ("vv", "g1.i=2"), ("at", "1"), ("g1.i@1", "T000000000000000a::"),
                ("g1.i@2", "V000000000000000b:1000:bob"),
            ]))
        #expect(copy.isPresent && copy.values.isEmpty)
        #expect(
            fields(copy).prefix(3) == [
                "dot g1:00:00:00.000002", "expired 00:00:01.000000", "tombstone g1:00:00:00.000001",
            ])
    }

    @Test func anythingElseIsNoRecord() {
        #expect(StoredHash(RESPMessage()) == nil)
        var reader = RESPReader()
        for text in ["+OK\r\n", "-WRONGTYPE\r\n", "*1\r\n$1\r\nx\r\n"] {
            Array(text.utf8).withUnsafeBytes { reader.read($0) { message, _ in #expect(StoredHash(message) == nil) } }
        }
        let odd = decoder.available(hash([("vv", "??"), ("dot", "V?"), ("x", "")]))
        #expect(odd.isPresent && odd.values.isEmpty)
    }

    @Test func longRecordsAreCut() {
        let long = String(repeating: "v", count: 10_000)
        let copy = decoder.consistent(hash([("ballot", "1:00000000000000aa"), ("version", "1"), ("value", long)]))
        #expect(copy.values[0].count == 200 && copy.raw.count == 600)
    }
}
