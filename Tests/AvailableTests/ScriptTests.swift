import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

/// The Lua scripts one by one, on a real server.
@Suite(.timeLimit(.minutes(20))) struct ScriptTests {
    @Test func everyScriptRefusesAnotherIncarnation() async throws {
        try await withInstance { instance, _ in
            let incarnation = try instance.incarnation(0)
            let another = Bytes("0000000000000000".utf8)
            for script in AvailableScripts.all where script != AvailableScripts.adopt {
                let verb: Command.Verb =
                    script.isBatchable ? .step(script, key: [], shared: [another]) : .script(script, keys: [])
                let reply = await instance.raw(0, Command(verb, arguments: [[], [], another]))
                #expect(reply?[0]?.text == "NOTMEMBER", "\(script.name)")
                #expect(reply?[1]?.bytes == incarnation)
            }
        }
    }

    @Test func aPutPastItsFenceDoesNothing() async throws {
        try await withInstance { instance, _ in
            let incarnation = try instance.incarnation(0)
            let past = ReplicaClock(
                incarnation: incarnation, epoch: Arguments.zero, timeUs: 0, receivedNs: instance.reactor.nowNs)
            let late = try instance.put("k", "v", id: 1, clock: past)
            #expect(await instance.raw(0, late)?[0]?.text == "LATE")
            let otherEpoch = ReplicaClock(
                incarnation: incarnation, epoch: Bytes("7".utf8), timeUs: 9_000_000_000_000_000,
                receivedNs: instance.reactor.nowNs)
            let ofOtherEpoch = try instance.put("k", "v", id: 1, clock: otherEpoch)
            #expect(await instance.raw(0, ofOtherEpoch)?[0]?.text == "LATE")
            #expect(await instance.raw(0, "EXISTS", "ap:k") == .integer(0))
            #expect(await instance.hints(0, 1) == 0)
        }
    }

    @Test func aKeyOfAnotherTypeFailsItsOwnChangeOnly() async throws {
        try await withInstance { instance, _ in
            _ = await instance.raw(0, "SET", "ap:bad", "x")
            let deadlineNs = instance.reactor.nowNs + 5_000 * nsPerMs
            // Both changes happen in one turn of the event loop, so they are sent in one call.
            var calls: [QuorumCall] = []
            for (id, key) in ["bad", "good"].enumerated() {
                let call = QuorumCall(group: instance.group, scheduler: instance.reactor, deadlineNs: deadlineNs)
                let put = try instance.put(key, "v", id: UInt64(id), isLaterAttempt: false)
                call.send(put, to: [0])
                calls.append(call)
            }
            for call in calls { await call.waitForAll() }
            guard case .error(let text)? = calls[0].reply(from: 0) else { throw TestFailure("the bad key was changed") }
            #expect(text.hasPrefix("WRONGTYPE"))
            #expect(calls[1].reply(from: 0)?.putFields.first == "OK")
            #expect(await instance.record("good", 0)?.siblings.count == 1)
            #expect(await instance.hints(0, 1) == 1)
        }
    }

    @Test func aMergePastItsFenceDoesNothing() async throws {
        try await withInstance { instance, _ in
            let record = CarriedRecord(
                key: Bytes("ap:k".utf8), vector: Bytes("g2.x=5".utf8),
                siblings: ["g2.x@5", "V0000000000000001::v"].map { Bytes($0.utf8) })
            var clocks = ClockTable(count: 3)
            clocks.adopt(
                0,
                ReplicaClock(
                    incarnation: try instance.incarnation(0), epoch: Arguments.zero, timeUs: 0,
                    receivedNs: instance.reactor.nowNs))
            var arguments: [Bytes] = []
            record.append(to: &arguments)
            let command = MergeCommand.make(
                keys: [record.key], arguments: arguments, clocks: clocks, startNs: instance.reactor.nowNs,
                settings: instance.settings)
            #expect(await instance.raw(0, command)?[0]?.text == "LATE")
            #expect(await instance.raw(0, "EXISTS", "ap:k") == .integer(0))
        }
    }

    /// Otherwise one record of another program would stop hinted handoff and tombstone GC for all others.
    @Test func aRecordOfAnotherProgramDoesNotFailACall() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            let last = [Arguments.empty, Arguments.empty, try instance.incarnation(0)]
            let dots = ["g2.x@5", "V0000000000000001::v", "g3.y@5", "V0000000000000002::w"].map { Bytes($0.utf8) }
            let keys = ["ap:foreign", "ap:good"].map { Bytes($0.utf8) }
            _ = await instance.raw(0, "HSET", "ap:foreign", "vv", "g2.x=4", "@5", "x")
            var arguments: [Bytes] = []
            for key in keys {
                CarriedRecord(key: key, vector: Bytes("g2.x=5 g3.y=5".utf8), siblings: dots).append(to: &arguments)
            }
            let merged = await instance.raw(
                0, Command(.script(AvailableScripts.merge, keys: keys), arguments: arguments + last))
            #expect(merged == .array([.bulk(Bytes("OK".utf8)), .integer(1), .integer(1)]))
            #expect(await instance.record("good", 0)?.siblings.count == 2)

            for (key, changedAt) in [("ap:strange", "x"), ("ap:old", "1")] {
                _ = await instance.raw(
                    0, "HSET", key, "vv", "g2.x=5", "g2.x@5", "T0000000000000001::", "at", changedAt)
            }
            _ = await instance.raw(0, "ZADD", "cap:tombstones", "0", "ap:strange", "1", "ap:old")
            let list = AvailableScripts.unfenced(
                AvailableScripts.listCollectable, ["1", "0", "9"].map { Bytes($0.utf8) }, incarnation: last[2])
            let listed = await instance.raw(0, list)
            #expect(RecordPage(listed?.array ?? []).keys == [Bytes("ap:old".utf8)])
        }
    }

    @Test func aPutWithAKnownWriteIdChangesNothing() async throws {
        try await withInstance { instance, _ in
            let put = try instance.put("k", "v", id: 5)
            let first = await instance.raw(0, put)
            let again = await instance.raw(0, put)
            #expect(first?.putFields.first == "OK")
            #expect(again?.putFields.first == "SAME")
            #expect(again?.putFields.last == first?.putFields.last)
            #expect(await instance.record("k", 0)?.siblings.count == 1)
        }
    }

    @Test func aDotIsLaterThanEverythingTheContextHasSeen() async throws {
        try await withInstance { instance, _ in
            let future = instance.reactor.wallClockMs * 1_000 + 50_000_000
            _ = await instance.raw(0, try instance.put("k", "v", id: 1, context: "g2.x=\(future)"))
            let record = try #require(await instance.record("k", 0))
            let dot = try #require(record.siblings.keys.first)
            #expect(dot.hlc == UInt64(future) + 1)
            #expect(record.vector.entries[Bytes("g2.x".utf8)] == UInt64(future))
            // Later writes get a higher `hlc`, although the clock is behind.
            _ = await instance.raw(0, try instance.put("other", "v", id: 2))
            #expect(try #require(await instance.record("other", 0)?.siblings.keys.first).hlc > dot.hlc)
        }
    }

    @Test func aHintStaysAtTheFirstChangeThatWasNotDelivered() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            let first = await instance.raw(0, try instance.put("k", "one", id: 1))
            let second = await instance.raw(0, try instance.put("k", "two", id: 2))
            let incarnation = try instance.incarnation(0)
            func score() async -> Int64? { await instance.raw(0, "ZSCORE", "cap:hints:g2", "ap:k")?.int64 }
            #expect(await score() == first.flatMap { Int64($0.putFields[1]) })

            func acknowledge(_ reply: Reply?) async throws -> Reply? {
                let fields = try #require(reply?.putFields)
                return await instance.raw(
                    0,
                    HintAcknowledgements.command(
                        keys: [Bytes("ap:k".utf8)], peers: [Bytes("g2".utf8)],
                        arguments: [Bytes(fields[5].utf8), Bytes(fields[1].utf8)], incarnation: incarnation))
            }
            // The first write was delivered, but the record has since changed: the score of the hint is now just above
            // the first write.
            #expect(try await acknowledge(first) == .array([.bulk(Bytes("OK".utf8)), .integer(0), .integer(1)]))
            #expect(await score() == first.flatMap { Int64($0.putFields[1]) }.map { $0 + 1 })
            #expect(try await acknowledge(second) == .array([.bulk(Bytes("OK".utf8)), .integer(1), .integer(0)]))
            #expect(await score() == nil)
            #expect(await instance.raw(0, "ZSCORE", "cap:hints:g3", "ap:k") != .null)
        }
    }

    @Test func aClockThatWasSetBackRaisesTheEpochAndForgetsReplicationMoments() async throws {
        try await withInstance { instance, _ in
            #expect(await instance.waitForKnown())
            instance.engine.stop()
            _ = await instance.raw(0, "SET", "cap:clock", "8000000000000000")
            let readClock = AvailableScripts.unfenced(
                AvailableScripts.readClock, incarnation: try instance.incarnation(0))
            #expect(await instance.raw(0, readClock)?[2]?.text == "1")
            #expect(await instance.raw(0, "HEXISTS", "cap:replicated_up_to", "g2.until") == .integer(0))
            #expect(await instance.raw(0, "HEXISTS", "cap:replicated_up_to", "g2.incarnation") == .integer(1))
            #expect(await instance.raw(0, readClock)?[2]?.text == "1")
        }
    }

    @Test func adoptionHappensOnceForEachRunOfTheServer() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            func adopt(_ runId: String, _ incarnation: String) async -> [String?] {
                let arguments = ["demo", "g1", runId, incarnation, "0", "1000000", "0"].map { Bytes($0.utf8) }
                let command = Command(.script(AvailableScripts.adopt, keys: []), arguments: arguments)
                let reply = await instance.raw(0, command)
                return [reply?[0]?.text, reply?[1]?.text, reply?[4]?.int64.map { "\($0)" }]
            }
            #expect(await adopt("another-run", "1111111111111111") == ["OK", "1111111111111111", "1"])
            #expect(await adopt("another-run", "2222222222222222") == ["OK", "1111111111111111", "0"])
            #expect(await adopt("third-run", "3333333333333333") == ["OK", "3333333333333333", "1"])
            #expect(await instance.raw(0, "EXISTS", "cap:replicated_up_to", "cap:last_anti_entropy") == .integer(0))
        }
    }

    /// Rule A8 step by step, for a peer that has hints most of the time.
    @Test func theReplicationMomentRisesByItsMarkWhileHintsAreRaised() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            let incarnation = try instance.incarnation(0)
            let base = instance.reactor.wallClockMs * 1_000 + 60_000_000
            func record(
                _ moment: Int64, hlc: UInt64, lowestHint: UInt64, peer: Bytes, isFull: Bool = false
            ) async -> Int64? {
                let record = ReplicationRecord(
                    readAtUs: base + moment, epoch: Arguments.empty, isFull: isFull,
                    peers: [.init(name: Bytes("g2".utf8), incarnation: peer, hlc: hlc, lowestHint: lowestHint)])
                let command = Command(
                    .script(AvailableScripts.recordReplication, keys: []),
                    arguments: record.arguments(incarnation: incarnation))
                return await instance.raw(0, command)?[2]?.int64.map { $0 == 0 ? 0 : $0 - base }
            }
            let peer = try instance.incarnation(1)
            let other = Bytes("other".utf8)
            #expect(await record(50, hlc: 900, lowestHint: 0, peer: peer, isFull: true) == 50)
            #expect(await record(100, hlc: 1_000, lowestHint: 0, peer: peer) == 100)
            // The lowest hint is 900. The mark is set to (200, 1,000), and `replicated_up_to` does not rise.
            #expect(await record(200, hlc: 1_000, lowestHint: 900, peer: peer) == 100)
            #expect(await record(300, hlc: 1_100, lowestHint: 950, peer: peer) == 100)
            // All hints are above the mark's `hlc`, so everything up to the mark's time has arrived.
            #expect(await record(400, hlc: 1_200, lowestHint: 1_001, peer: peer) == 200)
            #expect(await record(500, hlc: 1_300, lowestHint: 0, peer: peer) == 500)
            // An older probe that arrives late does not lower `replicated_up_to`.
            #expect(await record(450, hlc: 1_300, lowestHint: 0, peer: peer) == 500)
            // Another incarnation of the peer: `replicated_up_to` does not rise until all records were compared.
            #expect(await record(600, hlc: 1_300, lowestHint: 0, peer: other) == 500)
            #expect(await record(700, hlc: 1_300, lowestHint: 0, peer: other, isFull: true) == 700)
            #expect(await record(800, hlc: 1_300, lowestHint: 0, peer: other) == 800)
        }
    }
}
