import EventLoop
import Foundation
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

/// Generates records that can occur. A record has seen the writes of some actors, each from the first write to some
/// last one. All seen writes except the last of each actor may have been overwritten. A dot always names the same
/// sibling.
struct RecordMaker {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(_ bound: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % bound
    }

    mutating func record() -> Record {
        var record = Record()
        var entries: [Bytes: UInt64] = [:]
        let actors = ["g1.aa", "g1.b", "g2.aa", "g10.aa"].filter { _ in next(3) > 0 }
        for actor in actors.isEmpty ? ["g1.aa"] : actors {
            let last = 1 + next(4)
            entries[Bytes(actor.utf8)] = last
            for hlc in 1...last where next(3) == 0 || hlc == last {
                let dot = Dot(actor: Bytes(actor.utf8), hlc: hlc)
                record.siblings[dot] = Self.sibling(of: dot)
            }
        }
        record.vector = VersionVector(entries)
        return record
    }

    static func sibling(of dot: Dot) -> Sibling {
        let id = (Bytes("0000000000000000".utf8) + dot.text.map { 48 + $0 % 10 }).suffix(16)
        // By `hlc`: 2 is one write that several coordinators stored, 3 is a tombstone, and 4 is a value with an expiry.
        let writeId = dot.hlc == 2 ? Bytes("same-write-id-xx".utf8) : Bytes(id)
        let isTombstone = dot.hlc == 3
        return Sibling(
            isTombstone: isTombstone, writeId: writeId, expiresMs: dot.hlc == 4 ? 4_000_000_000_000 : nil,
            value: isTombstone ? [] : dot.text + [0, 10, 58])
    }
}

extension Record {
    func carried(_ key: String) -> CarriedRecord {
        CarriedRecord(
            key: Bytes("ap:\(key)".utf8), vector: vector.text,
            siblings: siblings.flatMap { [$0.key.text, $0.value.packed] })
    }
}

@Suite(.timeLimit(.minutes(20))) struct MergeLawTests {
    private static let triplesARound = 100
    /// 4,000 triples in a test run. `make laws` sets a higher number.
    private static let rounds =
        (ProcessInfo.processInfo.environment["MERGE_TRIPLES"].flatMap { Int($0) } ?? 4_000) / triplesARound

    @Test func mergingIsCommutativeAssociativeAndIdempotentOnTheRealScript() async throws {
        try await withInstance {
            // A slow machine must not fail this test.
            $0.timeouts.callMs = 10_000
            $0.timeouts.maxMergeFenceMs = 10_000
            $0.timeouts.minMergeFenceMs = 10_000
        } _: { instance, _ in
            var maker = RecordMaker(seed: 7)
            instance.engine.stop()
            for _ in 0..<Self.rounds {
                let triples = (0..<Self.triplesARound).map { _ in (maker.record(), maker.record(), maker.record()) }
                // Join the records under several keys: `x` and `y` in two orders, `z` without `a`. Later, `w` joins `a`
                // with `z`.
                for (index, (a, b, c)) in triples.enumerated() {
                    try await merge(
                        instance,
                        [
                            ("x\(index)", a), ("x\(index)", b), ("x\(index)", c), ("y\(index)", c), ("y\(index)", b),
                            ("y\(index)", a), ("z\(index)", b), ("z\(index)", c), ("z\(index)", b),
                        ])
                }
                var inner: [(String, Record)] = []
                for (index, (a, b, c)) in triples.enumerated() {
                    let joined = try await stored(instance, "z\(index)")
                    #expect(joined == b.joined(c))
                    inner += [("w\(index)", a), ("w\(index)", joined), ("w\(index)", a), ("w\(index)", joined)]
                }
                try await merge(instance, inner)
                for (index, (a, b, c)) in triples.enumerated() {
                    let expected = a.joined(b).joined(c)
                    for way in ["x", "y", "w"] {
                        #expect(try await stored(instance, "\(way)\(index)") == expected)
                    }
                    try await expectConflictIsListed(instance, "x\(index)", expected)
                }
                let delete = "for _, k in ipairs(redis.call('KEYS', 'ap:*')) do redis.call('DEL', k) end"
                _ = try await answered(instance, "EVAL", delete, "0")
                _ = try await answered(instance, "DEL", "cap:conflicts")
            }
        }
    }

    /// The record of `key`, and not "no answer" because the connection was closed on a busy machine.
    private func stored(_ instance: APInstance, _ key: String) async throws -> Record {
        var found: Record?
        _ = await instance.reactor.eventually {
            found = await instance.record(key, 0)
            return found != nil
        }
        guard let found else { throw TestFailure("no answer") }
        return found
    }

    private func answered(_ instance: APInstance, _ arguments: String...) async throws -> Reply {
        let command = Command(.plain(arguments.map { Bytes($0.utf8) }))
        var reply: Reply?
        _ = await instance.reactor.eventually {
            reply = await instance.raw(0, command)
            return reply != nil
        }
        guard let reply else { throw TestFailure("no answer") }
        return reply
    }

    private func merge(_ instance: APInstance, _ records: [(key: String, record: Record)]) async throws {
        let carried = records.map { $0.record.carried($0.key) }
        // On a busy machine, the connection may be closed meanwhile. Repeat the merge: that changes nothing.
        let isJoined = await instance.reactor.eventually {
            if await instance.raw(0, Self.command(carried, instance))?[0]?.text == "OK" { return true }
            instance.engine.admission.readmitForgotten()
            return false
        }
        guard isJoined else { throw TestFailure("merge failed") }
    }

    private static func command(_ records: [CarriedRecord], _ instance: APInstance) -> Command {
        var arguments: [Bytes] = []
        for record in records { record.append(to: &arguments) }
        return MergeCommand.make(
            keys: records.map(\.key), arguments: arguments, clocks: instance.engine.replicas.clocks,
            startNs: instance.reactor.nowNs, settings: instance.settings)
    }

    private func expectConflictIsListed(_ instance: APInstance, _ key: String, _ record: Record) async throws {
        let isListed = try await answered(instance, "ZSCORE", "cap:conflicts", "ap:\(key)") != .null
        let isConflict = Set(record.siblings.values.map(\.writeId)).count > 1
        #expect(isListed == (isConflict && record.siblings.values.contains { !$0.isTombstone }))
    }

    @Test func mergingTheSameRecordTwiceChangesNothing() async throws {
        // On a slow machine, the merges must not exceed their fences.
        try await withInstance {
            $0.timeouts.maxMergeFenceMs = 30_000
            $0.timeouts.minMergeFenceMs = 30_000
            $0.timeouts.callMs = 30_000
        } _: { instance, _ in
            var maker = RecordMaker(seed: 11)
            for index in 0..<200 {
                let command = Self.command([maker.record().carried("k\(index)")], instance)
                #expect(await instance.raw(0, command)?[1]?.int64 == 1)
                #expect(await instance.raw(0, command)?[1]?.int64 == 0)
            }
        }
    }

    @Test func theJoinInSwiftObeysTheSameLaws() {
        var maker = RecordMaker(seed: 3)
        for _ in 0..<5_000 {
            let (a, b, c) = (maker.record(), maker.record(), maker.record())
            #expect(a.joined(b) == b.joined(a))
            #expect(a.joined(b).joined(c) == a.joined(b.joined(c)))
            #expect(a.joined(a) == a)
            #expect(a.joined(b).joined(b) == a.joined(b))
            #expect(a.joined(b).vector.covers(a.vector))
        }
    }
}
