import EventLoop
import Replication
import TestSupport
import Testing

@testable import Available

/// The rules A1 to A11 of `docs/design.md`, in order. Each test shows one statement of its rule, and most of them do so
/// on real servers.
@Suite(.serialized, .timeLimit(.minutes(20))) struct DesignRulesTests {
    /// Equal vectors mean equal records.
    @Test func a1EqualVectorsMeanEqualRecords() async throws {
        try await withInstance { instance, _ in
            try await instance.makeConflict("k")
            let records = [await instance.record("k", 0), await instance.record("k", 1), await instance.record("k", 2)]
            #expect(records[0]?.siblings.count == 2)
            #expect(records[0]?.vector == records[1]?.vector && records[1]?.vector == records[2]?.vector)
            #expect(records[0] == records[1] && records[1] == records[2])
        }
    }

    /// A replica in another process (restarted, restored or blank) gets a new incarnation. `cap:replicated_up_to` is
    /// discarded.
    @Test func a2AnotherProcessIsANewIncarnation() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            let before = try instance.incarnation(0)
            _ = await instance.raw(0, "HSET", "cap:replicated_up_to", "g2.until", "1")
            _ = await instance.raw(0, "HSET", "cap:identity", "run_id", "of another process")
            #expect(await instance.engine.admit(replica: 0))
            #expect(try instance.incarnation(0) != before)
            #expect(await instance.raw(0, "EXISTS", "cap:replicated_up_to") == .integer(0))
        }
    }

    /// A put enters the key in the hint list of each other replica, in the same atomic step as the value.
    @Test func a3HintsAreStoredInTheSameStepAsTheValue() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            let put = try instance.put("k", "v", id: 1)
            #expect(await instance.raw(0, put)?.putFields.first == "OK")
            #expect(await instance.hints(0, 1) == 1)
            #expect(await instance.hints(0, 2) == 1)
            #expect(await instance.hints(0, 0) == 0)
            // If the write id is already in the record, a put changes nothing and answers as before.
            #expect(await instance.raw(0, put)?.putFields.first == "SAME")
            #expect(await instance.record("k", 0)?.siblings.count == 1)
        }
    }

    /// A sibling stays if both sides have it, or if the side that lacks it has not seen it.
    @Test func a4MergeKeepsWhatTheOtherSideHasNotSeen() {
        func sibling(_ value: String) -> Sibling {
            Sibling(
                isTombstone: false, writeId: Bytes("0123456789abcdef".utf8), expiresMs: nil, value: Bytes(value.utf8))
        }
        let (first, second) = (Bytes("g1.a".utf8), Bytes("g2.a".utf8))
        let old = Dot(actor: first, hlc: 1)
        let new = Dot(actor: first, hlc: 2)
        let other = Dot(actor: second, hlc: 1)
        let left = Record(vector: VersionVector([first: 2]), siblings: [new: sibling("new")])
        let right = Record(
            vector: VersionVector([first: 1, second: 1]), siblings: [old: sibling("old"), other: sibling("other")])
        let joined = left.joined(right)
        #expect(Set(joined.siblings.keys) == [new, other])
        #expect(joined == right.joined(left))
        #expect(joined.vector.covers(left.vector) && joined.vector.covers(right.vector))
    }

    /// Past its deadline fence, a script answers `LATE` and does nothing.
    @Test func a5ACommandPastItsFenceDoesNothing() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            let past = ReplicaClock(
                incarnation: try instance.incarnation(0), epoch: Bytes("0".utf8), timeUs: 0,
                receivedNs: instance.reactor.nowNs)
            let put = try instance.put("k", "v", id: 1, clock: past)
            #expect(await instance.raw(0, put)?[0]?.text == "LATE")
            #expect(await instance.raw(0, "EXISTS", "ap:k") == .integer(0))
            #expect(await instance.hints(0, 1) == 0)
        }
    }

    /// A change is acknowledged when `AP_WRITE_ACKS` replicas have it. With fewer, the answer is `insufficient_acks`,
    /// outcome `applied`.
    @Test func a6TooFewAcknowledgementsAreApplied() async throws {
        try await withInstance({ $0.writeAcks = 3 }) { instance, _ in
            let written = try await instance.write("k", "v")
            #expect(written.replicasAcked == 3)
            instance.group.cut = [2]
            await #expect { try await instance.write("k", "w") } throws: { error in
                let failure = error as? AvailableFailure
                return failure?.code == .insufficientAcks && failure?.outcome == .applied
            }
            #expect(try await instance.read("k").text == "w")
        }
    }

    /// `version` covers exactly the values that the answer shows.
    @Test func a7AVersionCoversTheShownValues() async throws {
        try await withInstance { instance, _ in
            try await instance.makeConflict("k")
            let read = try await instance.read("k")
            #expect(Set(read.conflictTexts) == ["a", "b"])
            try await instance.write("k", "resolved", context: read.version)
            #expect(await instance.converged("k"))
            #expect(try await instance.read("k").conflicts.isEmpty)
        }
    }

    /// While a replica has a hint for r, the staleness of r grows. When no hint is left, r has the write.
    @Test func a8HintsLimitTheStalenessBound() async throws {
        try await withInstance({ $0.background.handoffDelayMs = 60_000 }) { instance, _ in
            #expect(await instance.waitForKnown())
            // Write first, so that the `hlc` of the replica is above the score of the hint below.
            _ = try await instance.write("k", "v")
            #expect(await instance.converged("k"))
            let before = await instance.raw(2, "HGET", "cap:replicated_up_to", "g1.until")?.int64
            // A hint for g3 that is too young for hinted handoff.
            _ = await instance.raw(0, "ZADD", "cap:hints:g3", "1", "ap:never delivered")
            #expect(await instance.waitForProbes(3))
            let during = await instance.raw(2, "HGET", "cap:replicated_up_to", "g1.until")?.int64
            #expect(await instance.waitForProbes(3))
            #expect(await instance.raw(2, "HGET", "cap:replicated_up_to", "g1.until")?.int64 == during)
            _ = await instance.raw(0, "ZREM", "cap:hints:g3", "ap:never delivered")
            #expect(await instance.waitForProbes(3))
            let after = try #require(await instance.raw(2, "HGET", "cap:replicated_up_to", "g1.until")?.int64)
            #expect(after > during ?? .max)
            #expect(after > before ?? .max)
        }
    }

    /// A session guarantees read-your-writes. If no replica in reach covers the write, the answer reports no guarantee.
    @Test func a9ASessionReadsItsWritesOrSaysThatItMayNot() async throws {
        try await withInstance { instance, _ in
            instance.group.cut = [1, 2]
            let token = try await instance.write("k", "mine").session.token
            // A round trip: by its end, the delivery at the end of the turn has found the other replicas cut off.
            #expect(await instance.hints(0, 1) == 1)
            instance.group.cut = [0]
            var request = ReadRequest(key: Bytes("k".utf8), deadlineNs: instance.reactor.nowNs + 15_000 * nsPerMs)
            request.session.token = token
            #expect(try await instance.engine.read(request).session.isGuaranteed == false)
            instance.group.cut = []
            request.deadlineNs = instance.reactor.nowNs + 15_000 * nsPerMs
            let read = try await instance.engine.read(request)
            #expect(read.text == "mine")
            #expect(read.session.isGuaranteed == true)
        }
    }

    /// A record is collected only after all replicas have agreed.
    @Test func a10ATombstoneIsCollectedWhenEveryReplicaAgrees() async throws {
        try await withInstance({
            $0.tombstones.graceMs = 1_000
            $0.tombstones.gcIntervalMs = 50
            $0.timeouts.maxMergeFenceMs = 100
        }) { instance, _ in
            try await instance.write("k", "v")
            try await instance.delete("k")
            #expect(await instance.reactor.eventually { instance.events.collected == 1 })
            for replica in 0..<3 { #expect(await instance.raw(replica, "EXISTS", "ap:k") == .integer(0)) }
        }
    }

    /// Anti-entropy compares all records of a replica with those of every other replica, and copies the missing ones.
    @Test func a11AntiEntropyCopiesWhatNoHintKnowsOf() async throws {
        try await withInstance { instance, _ in
            try await instance.write("k", "v")
            #expect(await instance.converged("k"))
            #expect(await instance.waitForKnown())
            let record = await instance.record("k", 2)
            _ = await instance.raw(2, "FLUSHALL")
            #expect(await instance.reactor.eventually { await instance.record("k", 2) == record })
            #expect(await instance.waitForKnown())
        }
    }
}
