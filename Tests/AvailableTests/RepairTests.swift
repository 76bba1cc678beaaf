import EventLoop
import Replication
import TestSupport
import Testing

@testable import Available

/// Hinted handoff and anti-entropy continue although some records cannot be delivered.
@Suite(.serialized, .timeLimit(.minutes(20))) struct RepairTests {
    private static let value = String(repeating: "x", count: 1_000)

    @Test func hintsAreDeliveredOverALinkThatCarriesFewRecordsAtATime() async throws {
        try await withInstance { instance, _ in
            instance.group.cut = [2]
            for index in 0..<150 { try await instance.write("k\(index)", Self.value) }
            instance.group.thin = (2, 20_000)
            instance.group.cut = []
            #expect(await instance.reactor.eventually(withinMs: 20_000) { await instance.hints(0, 2) == 0 })
            #expect(await instance.converged("k149"))
        }
    }

    @Test func aBlankReplicaIsFilledOverALinkThatCarriesFewRecordsAtATime() async throws {
        try await withInstance { instance, _ in
            for index in 0..<150 { try await instance.write("k\(index)", Self.value) }
            #expect(await instance.waitForKnown())
            #expect(await instance.reactor.eventually { await instance.hints(0, 2) == 0 })
            instance.group.thin = (2, 20_000)
            _ = await instance.raw(2, "FLUSHALL")
            let isFilled = await instance.reactor.eventually(withinMs: 20_000) {
                for index in 0..<150 where await instance.record("k\(index)", 2) == Record() { return false }
                return true
            }
            #expect(isFilled)
            #expect(await instance.waitForKnown())
        }
    }

    @Test func aRecordThatDoesNotArriveBlocksNoOther() async throws {
        try await withInstance { instance, _ in
            #expect(await instance.waitForKnown())
            instance.group.cut = [2]
            try await instance.write("large", String(repeating: "x", count: 30_000))
            for index in 0..<60 { try await instance.write("k\(index)", "v") }
            instance.group.thin = (2, 20_000)
            instance.group.cut = []
            #expect(await instance.reactor.eventually(withinMs: 10_000) { await instance.hints(0, 2) == 1 })
            #expect(await instance.record("large", 2) == Record())
            #expect(await instance.converged("k59"))
            // Anti-entropy, too, must skip the large record.
            _ = await instance.raw(2, "FLUSHALL")
            let isFilled = await instance.reactor.eventually(withinMs: 20_000) {
                for index in 0..<60 where await instance.record("k\(index)", 2) == Record() { return false }
                return true
            }
            #expect(isFilled)
            #expect(instance.engine.stalenessMs(replica: 2) == nil)
            instance.group.thin = nil
            #expect(await instance.converged("large", withinMs: 30_000))
            #expect(await instance.waitForKnown())
        }
    }

    @Test func aForeignKeyBlocksNoOtherRecordOfABlankReplica() async throws {
        try await withInstance({ $0.background.batchRecords = 2 }) { instance, _ in
            for index in 0..<60 { try await instance.write("k\(index)", "v") }
            #expect(await instance.waitForKnown())
            #expect(await instance.reactor.eventually { await instance.hints(0, 2) == 0 })
            let before = instance.engine.replicas[2].incarnation
            _ = await instance.raw(2, "FLUSHALL")
            for index in stride(from: 0, to: 60, by: 10) { _ = await instance.raw(2, "SET", "ap:k\(index)", "foreign") }
            let isFilled = await instance.reactor.eventually(withinMs: 20_000) {
                for index in 0..<60 where !index.isMultiple(of: 10) {
                    if await instance.record("k\(index)", 2) == Record() { return false }
                }
                return true
            }
            #expect(isFilled)
            #expect(instance.engine.replicas[2].incarnation != before)
            // The foreign keys are reported. The replica answers reads of these keys with an error, so its staleness
            // may count as known.
            #expect(await instance.waitForKnown())
            #expect(await instance.hints(0, 2) ?? 0 > 0)
            #expect(Set(instance.events.foreign).contains(Bytes("ap:k10".utf8)))
            for index in stride(from: 0, to: 60, by: 10) { _ = await instance.raw(2, "DEL", "ap:k\(index)") }
            #expect(await instance.converged("k10", withinMs: 30_000))
        }
    }

    @Test func aRecordWithAForeignFieldBlocksNoOther() async throws {
        try await withInstance { instance, _ in
            try await instance.write("of both", "before")
            #expect(await instance.converged("of both"))
            _ = await instance.raw(2, "HSET", "ap:no record", "color", "red")
            instance.group.cut = [2]
            for key in ["of both", "no record", "of the owner", "k"] { try await instance.write(key, "v") }
            _ = await instance.raw(0, "HSET", "ap:of the owner", "color", "red")
            // The record on g3 gets a sibling that the delivered record lacks. So a merge joins the two records, and
            // does not replace the record with the foreign field.
            try await instance.write("of both", "w", context: nil)
            _ = await instance.raw(
                2, "HSET", "ap:of both", "vv", "g9.a=1", "g9.a@1", "V0123456789abcdef::x", "color", "red")
            instance.group.cut = []
            #expect(await instance.converged("k"))
            #expect(await instance.reactor.eventually { await instance.hints(0, 2) == 3 })
            let bad = Set(instance.events.foreign.map { String(decoding: $0, as: UTF8.self) })
            #expect(bad.isSuperset(of: ["ap:of both", "ap:no record", "ap:of the owner"]))
            // Once only records are left, they are delivered.
            _ = await instance.raw(0, "HDEL", "ap:of the owner", "color")
            _ = await instance.raw(2, "HDEL", "ap:of both", "color")
            _ = await instance.raw(2, "DEL", "ap:no record")
            #expect(await instance.reactor.eventually(withinMs: 30_000) { await instance.hints(0, 2) == 0 })
            #expect(await instance.converged("of the owner"))
        }
    }

    @Test func aForeignKeyNeitherMakesItsReplicaStaleNorIsDeliveredAllTheTime() async throws {
        try await withInstance { instance, _ in
            #expect(await instance.waitForKnown())
            _ = await instance.raw(2, "SET", "ap:k", "foreign")
            try await instance.write("k", "v")
            #expect(await instance.reactor.eventually { !instance.events.foreign.isEmpty })
            instance.events.foreign = []
            let startNs = instance.reactor.nowNs
            #expect(await instance.waitForProbes(80))
            let attempts = instance.events.foreign.count
            let seconds = Int((instance.reactor.nowNs - startNs) / (1_000 * nsPerMs))
            #expect(attempts <= 3 + seconds / 2)
            #expect(instance.engine.stalenessMs(replica: 2) ?? .max < 2_000)
            #expect(await instance.hints(0, 2) == 1)
            _ = await instance.raw(2, "DEL", "ap:k")
            #expect(await instance.converged("k", withinMs: 30_000))
        }
    }

    @Test func aLeaseIsRenewedOnceAQuarterOfItHasPassed() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            let environment = Environment(
                group: instance.group, scheduler: instance.reactor, settings: instance.settings, events: nil)
            let lease = Lease(
                environment, Bytes("cap:lease:test".utf8), at: 0, holder: Bytes("n1".utf8), durationMs: 4_000)
            #expect(await lease.acquire())
            await lease.renewIfDue()
            await instance.reactor.sleep(forNs: 1_100 * nsPerMs)
            #expect(await instance.raw(0, "PTTL", "cap:lease:test")?.int64 ?? .max < 3_000)
            await lease.renewIfDue()
            #expect(await instance.raw(0, "PTTL", "cap:lease:test")?.int64 ?? 0 > 3_000)
        }
    }

    @Test func hintsOfAReplicaWithFullMemoryAreDelivered() async throws {
        try await withInstance { instance, _ in
            instance.group.cut = [2]
            for index in 0..<20 { try await instance.write("k\(index)", "v") }
            _ = await instance.raw(0, "CONFIG", "SET", "maxmemory", "1000")
            instance.group.cut = []
            #expect(await instance.reactor.eventually(withinMs: 10_000) { await instance.hints(0, 2) == 0 })
            for index in 0..<20 { #expect(await instance.record("k\(index)", 2)?.siblings.count == 1) }
            #expect(await instance.raw(0, "EXISTS", "cap:lease:handoff:g3") == .integer(0))
        }
    }

    @Test func aLeaseThatAClockSetBackProlongedIsShortened() async throws {
        try await withInstance { instance, _ in
            #expect(await instance.waitForKnown())
            instance.group.cut = [2]
            for lease in ["cap:lease:handoff:g3", "cap:lease:anti_entropy"] {
                _ = await instance.raw(0, "SET", lease, "one that died", "PX", "36000000000")
            }
            try await instance.write("k", "v")
            instance.group.cut = []
            #expect(await instance.reactor.eventually(withinMs: 10_000) { await instance.hints(0, 2) == 0 })
            _ = await instance.raw(0, "DEL", "cap:replicated_up_to")
            #expect(await instance.reactor.eventually { instance.engine.stalenessMs(replica: 0) == nil })
            #expect(await instance.waitForKnown())
        }
    }
}
