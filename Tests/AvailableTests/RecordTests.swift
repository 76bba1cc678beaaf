import EventLoop
import Replication
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(10))) struct RecordTests {
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
}

@Suite(.timeLimit(.minutes(10))) struct ContextTests {
    private let signer = ContextSigner(secret: "s", groupName: "demo")
    private let key = Bytes("k".utf8)
    private let vector = Bytes("g1.a=5".utf8)

    @Test func aContextIsValidForItsKeyOnly() {
        let text = signer.text(vector: vector, key: key)
        #expect(signer.vector(of: text, key: key) == vector)
        #expect(signer.vector(of: text, key: Bytes("l".utf8)) == nil)
        #expect(ContextSigner(secret: "s", groupName: "other").vector(of: text, key: key) == nil)
        #expect(ContextSigner(secret: "t", groupName: "demo").vector(of: text, key: key) == nil)
        #expect(text.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 43 && $0 != 47 && $0 != 61 })
    }

    @Test func duringASecretRotationAllInstancesAcceptEachOther() {
        // Three steps; during each, some instances still have the configuration of the previous step.
        let steps: [GroupSecret] = [
            "old", GroupSecret(key: "old", fallback: "new"), GroupSecret(key: "new", fallback: "old"), "new",
        ]
        for (before, after) in zip(steps, steps.dropFirst()) {
            for (from, to) in [(before, after), (after, before)] {
                let text = ContextSigner(secret: from, groupName: "demo").text(vector: vector, key: key)
                #expect(ContextSigner(secret: to, groupName: "demo").vector(of: text, key: key) == vector)
                #expect(ContextSigner(secret: to, groupName: "other").vector(of: text, key: key) == nil)
            }
        }
        let old = signer(steps[0]).text(vector: vector, key: key)
        #expect(signer(steps[2]).vector(of: old, key: key) == vector, "issued before, and still valid")
        #expect(signer(steps[3]).vector(of: old, key: key) == nil)
        #expect(signer(steps[2]).text(vector: vector, key: key) == signer(steps[3]).text(vector: vector, key: key))
    }

    private func signer(_ secret: GroupSecret) -> ContextSigner { ContextSigner(secret: secret, groupName: "demo") }

    @Test func noChangedCharacterIsAccepted() {
        let text = signer.text(vector: vector, key: key)
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "A" ? "B" : "A")
            #expect(signer.vector(of: changed, key: key) == nil)
        }
    }

    @Test func keyAndVectorCannotBeShiftedIntoEachOther() {
        let text = signer.text(packed: Bytes("bc".utf8), key: Bytes("a".utf8))
        let other = signer.text(packed: Bytes("c".utf8), key: Bytes("ab".utf8))
        #expect(text != other)
        let payload = Base64URL.decode(text).map { Array($0[1..<17]) }
        #expect(payload != Base64URL.decode(other).map { Array($0[1..<17]) })
    }

    @Test func theCacheIsBoundedAndNeverReturnsAnotherVector() {
        let cache = ContextCache(
            signer: signer, sessions: SessionSigner(secret: "s", groupName: "demo"), maxEntries: 10)
        for round in 0..<200 {
            let key = Bytes("k\(round % 23)".utf8)
            let vector = Bytes("g1.a=\(round)".utf8)
            let text = cache.signed(vector: vector, key: key).text
            #expect(text == signer.text(vector: vector, key: key))
            #expect(cache.vector(of: text, key: key) == vector)
            #expect(cache.count <= 10)
        }
    }
}

@Suite(.timeLimit(.minutes(10))) struct StalenessTests {
    @Test func theBoundIsThatOfTheOldestPeerAndGrowsWithTime() {
        var bound = StalenessBound()
        #expect(bound.ms(atNs: 0) == nil)
        bound.measured(nowUs: 10_000_000, upToUs: [9_990_000, 9_900_000], askedNs: 1_000_000_000)
        #expect(bound.ms(atNs: 1_000_000_000) == 100)
        #expect(bound.ms(atNs: 3_000_000_000) == 2_100)
    }

    @Test func anUnknownPeerMakesItUnknown() {
        var bound = StalenessBound()
        bound.measured(nowUs: 10, upToUs: [5, 5], askedNs: 0)
        bound.measured(nowUs: 10, upToUs: [5, nil], askedNs: 0)
        #expect(bound.ms(atNs: 0) == nil)
        bound.measured(nowUs: 10, upToUs: [], askedNs: 0)
        #expect(bound.ms(atNs: 0) == 0)
        bound.forget()
        #expect(bound.ms(atNs: 0) == nil)
    }

    @Test func fencesAreShortUnlessTheReplicaIsDistant() {
        let settings = AvailableSettings(groupName: "g", secret: "s", nodeName: "n")
        #expect(Fence.budgetMs(latencyNs: 100_000, settings: settings) == 20)
        #expect(Fence.budgetMs(latencyNs: 5 * nsPerMs, settings: settings) == 40)
        #expect(Fence.budgetMs(latencyNs: 20 * nsPerMs, settings: settings) == 100)
        #expect(Fence.budgetMs(latencyNs: 100 * nsPerMs, settings: settings) > 200)
        #expect(Fence.budgetMs(latencyNs: .max, settings: settings) == 100)
    }

    @Test func aFenceIsNeverLaterThanTheReplicasClockAllows() {
        // Read at 1.000 s of the replica's clock and received at 5 ms of the local clock: at 8 ms the replica's clock shows at
        // least 1.003 s.
        let clock = ReplicaClock(incarnation: [1], epoch: [48], timeUs: 1_000_000, receivedNs: 5 * nsPerMs)
        #expect(clock.earliestUs(atNs: 8 * nsPerMs) == 1_003_000)
        #expect(clock.fence(startNs: 8 * nsPerMs, budgetMs: 20) == [Bytes("1023000".utf8), [48], [1]])
        #expect(!clock.isWorthReplacing(timeUs: 1_002_000, receivedNs: 8 * nsPerMs))
        #expect(clock.isWorthReplacing(timeUs: 1_004_000, receivedNs: 8 * nsPerMs))
    }

    @Test func aWriteKeepsTheClocksThatItBeganWith() {
        var table = ClockTable(count: 2)
        table.adopt(0, ReplicaClock(incarnation: [1], epoch: [48], timeUs: 0, receivedNs: 0))
        let begun = table
        table.read(0, epoch: [48], timeUs: 5_000, receivedNs: 0)
        #expect(table.generation == begun.generation)
        table.read(0, epoch: [49], timeUs: 0, receivedNs: 0)
        #expect(table.generation != begun.generation)
        #expect(begun[0]?.epoch == [48])
        table.forget(0)
        #expect(table[0] == nil)
        #expect(begun[0] != nil)
    }
}

@Suite(.timeLimit(.minutes(10))) struct ReplicaChoiceTests {
    private func candidate(_ latencyUs: UInt64, complete: Bool = true, preferred: Bool = false)
        -> ReplicaOrder.Candidate
    {
        .init(isUsable: true, isComplete: complete, isPreferred: preferred, latencyNs: latencyUs * 1_000)
    }

    @Test func noiseDoesNotChangeTheFirstReplica() {
        var order = ReplicaOrder(count: 3)
        order.update([candidate(200), candidate(180), candidate(190)], nowNs: 0)
        #expect(order.order.first == 0)
        order.update([candidate(500), candidate(180), candidate(190)], nowNs: 0)
        #expect(order.order.first == 0)
    }

    @Test func aReplicaThatIsClearlyNearerForAWhileBecomesTheFirst() {
        var order = ReplicaOrder(count: 3)
        let far = [candidate(50_000), candidate(300), candidate(290)]
        let near = [candidate(250), candidate(300), candidate(290)]
        order.update(far, nowNs: 0)
        #expect(order.order.first == 0)
        // Slow only for a moment.
        order.update(near, nowNs: 100 * nsPerMs)
        order.update(far, nowNs: 200 * nsPerMs)
        order.update(far, nowNs: 200 * nsPerMs + ReplicaOrder.patienceNs - 1)
        #expect(order.order.first == 0)
        order.update(far, nowNs: 200 * nsPerMs + ReplicaOrder.patienceNs)
        #expect(order.order.first == 1)
        #expect(order.order.last == 0)
    }

    @Test func aCompleteReplicaComesBeforeANearerIncompleteOne() {
        var order = ReplicaOrder(count: 3)
        order.update([candidate(100, complete: false), candidate(900), candidate(50_000)], nowNs: 0)
        #expect(order.order == [1, 2, 0])
    }

    @Test func theSitesOwnReplicaComesFirst() {
        var order = ReplicaOrder(count: 3)
        order.update([candidate(100), candidate(100), candidate(900, preferred: true)], nowNs: 0)
        #expect(order.order.first == 2)
    }
}

@Suite(.timeLimit(.minutes(10))) struct PartitionDetectorTests {
    private func healthy() -> PartitionDetector {
        var detector = PartitionDetector()
        _ = detector.probed(hlcs: [1, 1], hints: [], isKnown: true)
        return detector
    }

    @Test func silenceIsReportedOnce() {
        var detector = healthy()
        #expect(detector.silent() == .suspected)
        #expect(detector.silent() == nil)
    }

    @Test func aReplicaThatIsStillConnectingIsNotSuspectedAtOnce() {
        var detector = PartitionDetector()
        for _ in 1..<PartitionDetector.startProbes { #expect(detector.silent() == nil) }
        #expect(detector.silent() == .suspected)
    }

    @Test func healedMeansThatTheHintsFromTheTimeApartAreDelivered() {
        var detector = healthy()
        _ = detector.silent()
        let old = PartitionDetector.Hints(owner: 0, lowestHlc: 50)
        #expect(detector.probed(hlcs: [100, 90], hints: [old], isKnown: true) == nil)
        #expect(detector.probed(hlcs: [200, 95], hints: [old], isKnown: true) == nil)
        // New hints of a busy system do not matter.
        let new = PartitionDetector.Hints(owner: 0, lowestHlc: 150)
        #expect(detector.probed(hlcs: [300, 95], hints: [new], isKnown: false) == nil)
        #expect(detector.probed(hlcs: [300, 95], hints: [new], isKnown: true) == .healed)
        #expect(detector.probed(hlcs: [300, 95], hints: [new], isKnown: true) == nil)
    }

    @Test func aSecondLossWhileCatchingUpIsReportedAgain() {
        var detector = healthy()
        _ = detector.silent()
        _ = detector.probed(hlcs: [100], hints: [.init(owner: 0, lowestHlc: 50)], isKnown: true)
        #expect(detector.silent() == .suspected)
    }
}
