import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

/// The scripts themselves, on a real server, one by one.
@Suite struct ScriptTests {
    private static func life(_ instance: APInstance) throws -> Bytes {
        try #require(instance.engine.clocks[0]).incarnation
    }

    private static func put(
        _ instance: APInstance, _ key: String, _ value: String, id: UInt64, context: String = "-",
        fence: [Bytes]? = nil
    ) async throws -> Reply? {
        let clock = try #require(instance.engine.clocks[0])
        let sibling = Sibling(
            isTombstone: false, writeId: Bytes(hexadecimal: id), expiresMs: nil, value: Bytes(value.utf8))
        let words = PutWords(
            state: instance.engine.states[0], clock: clock, siblingLimits: [Bytes("32".utf8), Bytes("100000".utf8)],
            outboxLimit: Bytes("1000".utf8))
        let fence = fence ?? clock.fence(startNs: instance.reactor.nowNs, budgetMs: 1_000)
        var shared = words.shared
        shared.replaceSubrange(0..<2, with: [fence[2], fence[1]])
        let arguments = [sibling.packed, Words.zero, Bytes(context.utf8), Words.again, fence[0]]
        return await instance.raw(
            0,
            Command(
                .step(AvailableScripts.put, key: Bytes("ap:\(key)".utf8), shared: shared), arguments: arguments))
    }

    @Test func everyScriptRefusesAnotherIncarnation() async throws {
        try await withInstance { instance, _ in
            let life = try Self.life(instance)
            let another = Bytes("0000000000000000".utf8)
            for script in AvailableScripts.all where script != AvailableScripts.adopt {
                let verb: Command.Verb =
                    script.isBatchable ? .step(script, key: [], shared: [another]) : .script(script, keys: [])
                let reply = await instance.raw(0, Command(verb, arguments: [[], [], another]))
                #expect(reply?[0]?.text == "NOTMEMBER", "\(script.name)")
                #expect(reply?[1]?.bytes == life)
            }
        }
    }

    @Test func aPutPastItsFenceDoesNothing() async throws {
        try await withInstance { instance, _ in
            let life = try Self.life(instance)
            let past = [Bytes("1000".utf8), Words.zero, life]
            #expect(try await Self.put(instance, "k", "v", id: 1, fence: past)?[0]?.text == "LATE")
            let otherSteps = [Bytes("9000000000000000".utf8), Bytes("7".utf8), life]
            #expect(try await Self.put(instance, "k", "v", id: 1, fence: otherSteps)?[0]?.text == "LATE")
            #expect(await instance.raw(0, "EXISTS", "ap:k") == .integer(0))
            #expect(await instance.debt(0, 1) == 0)
        }
    }

    @Test func aKeyOfAnotherTypeRefusesItsOwnChangeOnly() async throws {
        try await withInstance { instance, _ in
            _ = await instance.raw(0, "SET", "ap:bad", "x")
            let clock = try #require(instance.engine.clocks[0])
            let words = instance.engine.putWords(0, clock)
            let notAfter = clock.notAfter(startNs: instance.reactor.nowNs, budgetMs: 1_000)
            let call = QuorumCall(
                group: instance.group, scheduler: instance.reactor,
                deadlineNs: instance.reactor.nowNs + 5_000 * nsPerMs)
            let other = QuorumCall(group: instance.group, scheduler: instance.reactor, deadlineNs: call.deadlineNs)
            // Both in one loop turn, so they travel in one call.
            for (key, call) in [("ap:bad", call), ("ap:good", other)] {
                let sibling = Sibling(
                    isTombstone: false, writeId: Bytes("0123456789abcdef".utf8), expiresMs: nil, value: [1])
                call.send(
                    words.command(
                        recordKey: Bytes(key.utf8), packed: sibling.packed, ttl: Words.zero, context: nil,
                        isAgain: false, notAfter: notAfter), to: [0])
            }
            await call.waitForAll()
            await other.waitForAll()
            guard case .error(let text)? = call.reply(from: 0) else { throw TestFailure("the bad key was taken") }
            #expect(text.hasPrefix("WRONGTYPE"))
            #expect(other.reply(from: 0)?.putWords.first == "OK")
            #expect(await instance.record("good", 0)?.siblings.count == 1)
            #expect(await instance.debt(0, 1) == 1)
        }
    }

    @Test func aMergePastItsFenceDoesNothing() async throws {
        try await withInstance { instance, _ in
            let life = try Self.life(instance)
            let words =
                ["g2.x=5", "-", "1", "g2.x@5", "V0000000000000001::v", "1000", "0"].map { Bytes($0.utf8) } + [life]
            let command = Command(.script(AvailableScripts.merge, keys: [Bytes("ap:k".utf8)]), arguments: words)
            #expect(await instance.raw(0, command)?[0]?.text == "LATE")
            #expect(await instance.raw(0, "EXISTS", "ap:k") == .integer(0))
        }
    }

    @Test func aPutWithAKnownWriteIdChangesNothing() async throws {
        try await withInstance { instance, _ in
            let first = try await Self.put(instance, "k", "v", id: 5)
            let again = try await Self.put(instance, "k", "v", id: 5)
            #expect(first?.putWords.first == "OK")
            #expect(again?.putWords.first == "SAME")
            #expect(again?.putWords.last == first?.putWords.last)
            #expect(await instance.record("k", 0)?.siblings.count == 1)
        }
    }

    @Test func aDotIsLaterThanEverythingTheContextHasSeen() async throws {
        try await withInstance { instance, _ in
            let future = instance.reactor.wallClockMs * 1_000 + 50_000_000
            _ = try await Self.put(instance, "k", "v", id: 1, context: "g2.x=\(future)")
            let record = try #require(await instance.record("k", 0))
            let dot = try #require(record.siblings.keys.first)
            #expect(dot.hlc == UInt64(future) + 1)
            #expect(record.vector.entries[Bytes("g2.x".utf8)] == UInt64(future))
            // And later ones stay later, although the clock is behind.
            _ = try await Self.put(instance, "other", "v", id: 2)
            #expect(try #require(await instance.record("other", 0)?.siblings.keys.first).hlc > dot.hlc)
        }
    }

    @Test func debtIsKeptAtTheFirstChangeNotDelivered() async throws {
        try await withInstance { instance, _ in
            instance.engine.stop()
            let first = try await Self.put(instance, "k", "one", id: 1)
            let second = try await Self.put(instance, "k", "two", id: 2)
            let key = Bytes("ap:k".utf8)
            let life = try Self.life(instance)
            func score() async -> Int64? { await instance.raw(0, "ZSCORE", "cap:hints:g2", "ap:k")?.int64 }
            #expect(await score() == first.flatMap { Int64($0.putWords[1]) })

            func strike(_ reply: Reply?) async throws -> Reply? {
                let words = try #require(reply?.putWords)
                let vector = Bytes(words[5].utf8)
                let hlc = Bytes(words[1].utf8)
                return await instance.raw(
                    0,
                    StrikeQueue.command(
                        keys: [key], peers: [Bytes("g2".utf8)], words: [vector, hlc], incarnation: life))
            }
            // The first was delivered, but the record has moved since: what is owed begins after it.
            #expect(try await strike(first) == .array([.bulk(Bytes("OK".utf8)), .integer(0), .integer(1)]))
            #expect(await score() == first.flatMap { Int64($0.putWords[1]) }.map { $0 + 1 })
            #expect(try await strike(second) == .array([.bulk(Bytes("OK".utf8)), .integer(1), .integer(0)]))
            #expect(await score() == nil)
            #expect(await instance.raw(0, "ZSCORE", "cap:hints:g3", "ap:k") != .null)
        }
    }

    @Test func anOldClockValueRaisesTheStepsAndForgetsWhatWasHeard() async throws {
        try await withInstance { instance, _ in
            #expect(await instance.waitForKnown())
            instance.engine.stop()
            let life = try Self.life(instance)
            _ = await instance.raw(0, "SET", "cap:clock", "8000000000000000")
            let tick = Command(.script(AvailableScripts.readClock, keys: []), arguments: [[], [], life])
            #expect(await instance.raw(0, tick)?[2]?.text == "1")
            #expect(await instance.raw(0, "HEXISTS", "cap:replicated_up_to", "g2.until") == .integer(0))
            #expect(await instance.raw(0, "HEXISTS", "cap:replicated_up_to", "g2.incarnation") == .integer(1))
            #expect(await instance.raw(0, tick)?[2]?.text == "1")
        }
    }

    @Test func adoptionHappensOnceForEachRunOfTheServer() async throws {
        try await withInstance { instance, _ in
            func adopt(_ runId: String, _ incarnation: String) async -> [String?] {
                let words = ["demo", "g1", runId, incarnation, "0", "1000000", "0"].map { Bytes($0.utf8) }
                let reply = await instance.raw(0, Command(.script(AvailableScripts.adopt, keys: []), arguments: words))
                return [reply?[0]?.text, reply?[1]?.text, reply?[4]?.int64.map { "\($0)" }]
            }
            instance.engine.stop()
            #expect(await adopt("another-run", "1111111111111111") == ["OK", "1111111111111111", "1"])
            #expect(await adopt("another-run", "2222222222222222") == ["OK", "1111111111111111", "0"])
            #expect(await adopt("third-run", "3333333333333333") == ["OK", "3333333333333333", "1"])
            #expect(await instance.raw(0, "EXISTS", "cap:replicated_up_to", "cap:last_anti_entropy") == .integer(0))
        }
    }

    /// The poll of DESIGN A8 step by step, where the peer owes something all the time.
    @Test func theMomentHeardRisesByItsMarkWhileDebtMovesOn() async throws {
        try await withInstance { instance, _ in
            #expect(await instance.waitForKnown())
            instance.engine.stop()
            // The last poll in flight ends first.
            await instance.reactor.sleep(forNs: 150 * nsPerMs)
            let life = try Self.life(instance)
            let base = instance.reactor.wallClockMs * 1_000 + 60_000_000
            func hear(_ moment: Int64, hlc: Int64, owed: Int64, peer: String, mode: String = "probe") async -> Int64? {
                let words = ["\(base + moment)", mode, "g2", peer, "\(hlc)", "\(owed)", "", "", ""]
                let arguments = words.dropLast().map { Bytes($0.utf8) } + [life]
                let command = Command(.script(AvailableScripts.recordReplication, keys: []), arguments: arguments)
                return await instance.raw(0, command)?[2]?.int64.map { $0 == 0 ? 0 : $0 - base }
            }
            let peer = String(decoding: try #require(instance.engine.states[1].incarnation), as: UTF8.self)
            #expect(await hear(100, hlc: 1_000, owed: 0, peer: peer) == 100)
            // Owed from 900 on: a mark is set at (200, 1000), nothing rises.
            #expect(await hear(200, hlc: 1_000, owed: 900, peer: peer) == 100)
            #expect(await hear(300, hlc: 1_100, owed: 950, peer: peer) == 100)
            // What is owed begins after the mark's hlc: all up to the mark's moment has arrived.
            #expect(await hear(400, hlc: 1_200, owed: 1_001, peer: peer) == 200)
            #expect(await hear(500, hlc: 1_300, owed: 0, peer: peer) == 500)
            // An older poll that comes late lowers nothing.
            #expect(await hear(450, hlc: 1_300, owed: 0, peer: peer) == 500)
            // Another life of the peer: nothing rises until everything was compared.
            #expect(await hear(600, hlc: 1_300, owed: 0, peer: "other") == 500)
            #expect(await hear(700, hlc: 1_300, owed: 0, peer: "other", mode: "full") == 700)
            #expect(await hear(800, hlc: 1_300, owed: 0, peer: "other") == 800)
        }
    }
}
