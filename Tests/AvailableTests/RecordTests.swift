import Replication
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(20))) struct RecordTests {
    private func bytes(_ text: String) -> Bytes { Bytes(text.utf8) }

    private func sibling(_ value: String?, id: String = "", expiresMs: Int64? = nil) -> Sibling {
        Sibling(
            isTombstone: value == nil, writeId: Bytes((id + "0000000000000000").utf8.prefix(16)), expiresMs: expiresMs,
            value: Bytes((value ?? "").utf8))
    }

    @Test func packedSiblingsReadBackAsTheyWere() {
        for value in ["", ":", "a:b", "\0\n"] {
            for expiresMs in [nil, 0, 1_700_000_000_000] as [Int64?] {
                let sibling = sibling(value, expiresMs: expiresMs)
                #expect(Sibling(packed: sibling.packed) == sibling)
            }
        }
        #expect(Sibling(packed: sibling(nil).packed) == sibling(nil))
    }

    @Test func otherTextsAreNotSiblings() {
        for text in [
            "", "V", "x", "V0000000000000000", "V0000000000000000:", "V0000000000000000:12", "X0000000000000000::v",
            "V0000000000000000:1x:v", "V0000000000000000:99999999999999999999:v",
        ] {
            #expect(Sibling(packed: bytes(text)) == nil, "\(text)")
        }
        #expect(Dot(text: bytes("g1.a")) == nil)
        #expect(Dot(text: bytes("@5")) == nil)
        #expect(Dot(text: bytes("g1.a@x")) == nil)
        #expect(VersionVector(text: bytes("g1.a")) == nil)
        #expect(VersionVector(text: bytes("g1.a=1  g2.b=2")) == nil)
    }

    @Test func equalVectorsAreEqualTexts() {
        let vector = VersionVector([bytes("g10.a"): 3, bytes("g1.b"): 2, bytes("g1.a"): 9_007_199_254_740_991])
        #expect(vector.text == bytes("g1.a=9007199254740991 g1.b=2 g10.a=3"))
        #expect(VersionVector(text: vector.text) == vector)
        #expect(VersionVector(text: []) == VersionVector())
    }

    @Test func theHighestDotIsTheValueEvenIfItIsATombstone() {
        let low = Dot(actor: bytes("g1.a"), hlc: 1)
        let high = Dot(actor: bytes("g2.a"), hlc: 2)
        let record = Record(siblings: [low: sibling("old", id: "1"), high: sibling(nil, id: "2")])
        let view = record.view(atMs: 0)
        #expect(view.value == nil)
        #expect(view.conflicts == [nil, bytes("old")])
    }

    @Test func equalClocksAreOrderedByTheActor() {
        let record = Record(siblings: [
            Dot(actor: bytes("g1.a"), hlc: 1): sibling("one", id: "1"),
            Dot(actor: bytes("g2.a"), hlc: 1): sibling("two", id: "2"),
        ])
        #expect(record.view(atMs: 0).value == bytes("two"))
    }

    @Test func anExpiredValueCountsAsATombstone() {
        let dot = Dot(actor: bytes("g1.a"), hlc: 1)
        let record = Record(siblings: [dot: sibling("v", expiresMs: 100)])
        #expect(record.view(atMs: 99).value == bytes("v"))
        #expect(record.view(atMs: 99).expiresMs == 100)
        #expect(record.view(atMs: 100).value == nil)
    }

    @Test func tombstonesAloneAreNoConflict() {
        let record = Record(siblings: [
            Dot(actor: bytes("g1.a"), hlc: 1): sibling(nil, id: "1"),
            Dot(actor: bytes("g2.a"), hlc: 2): sibling("v", id: "2", expiresMs: 5),
        ])
        #expect(record.view(atMs: 10) == Record.View())
    }

    @Test func anUnexpectedReplyIsNoRecord() {
        #expect(StoredRecord(.null, nowMs: 0) == nil)
        #expect(StoredRecord(.array([.bulk([1])]), nowMs: 0) == nil)
        #expect(StoredRecord(.array([.bulk(bytes("vv")), .integer(1)]), nowMs: 0) == nil)
        #expect(StoredRecord(.array([.bulk(bytes("zz")), .bulk(bytes("x"))]), nowMs: 0) == nil)
        #expect(StoredRecord(.array([.bulk(bytes("g1.a@1")), .bulk(sibling("v").packed)]), nowMs: 0) == nil)
        #expect(StoredRecord(.array([]), nowMs: 0)?.view == Record.View())
    }

    /// Rule A6: such a change may have been applied.
    @Test func aReplyToAChangeThatCannotBeReadIsNoRefusal() {
        let unreadable: [Reply] = [
            .bulk(bytes("OK")), .bulk(bytes("OK 5 0 0 what g1.a=5")), .bulk(bytes("SAME 5 1 0 1 g1.a=5")), .null,
            .array([.bulk(bytes("OK 5 1 0 1 g1.a=5"))]), .array([.bulk(bytes("SAME 5 1 0 1 g1.a=5")), .integer(1)]),
            .array([.bulk(bytes("ABSENT"))]), .array([.bulk(bytes("what"))]),
        ]
        for reply in unreadable {
            guard case .unreadable = PutReply(reply, packed: sibling("v").packed, actor: bytes("g1.a")) else {
                Issue.record("\(reply)")
                continue
            }
        }
        for reply: Reply in [.error("OOM"), .array([.bulk(bytes("NOTMEMBER")), .bulk([])])] {
            guard case .refused = PutReply(reply, packed: sibling("v").packed, actor: bytes("g1.a")) else {
                Issue.record("\(reply)")
                continue
            }
        }
    }
}
