import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

/// Replicas that answer but reject writes: their memory is full, or a permission is missing.
@Suite(.serialized, .timeLimit(.minutes(20))) struct RejectedWriteTests {
    @Test func aReplicaWithFullMemoryIsReportedUntilItAcceptsWrites() async throws {
        try await withInstance { instance, _ in
            _ = await instance.raw(0, "CONFIG", "SET", "maxmemory", "1000")
            #expect(
                await instance.reactor.eventually {
                    instance.engine.status()[0].error?.hasPrefix("OOM command not allowed") == true
                })
            #expect(instance.engine.status()[0].error?.contains("script:") == false)
            try await instance.write("k", "elsewhere")
            // If all are full, the client gets the reason.
            for replica in 1..<3 { _ = await instance.raw(replica, "CONFIG", "SET", "maxmemory", "1000") }
            await #expect { try await instance.write("k", "nowhere") } throws: { error in
                (error as? AvailableFailure)?.code == .replicaFull
                    && (error as? AvailableFailure)?.outcome == .notApplied
            }
            for replica in 1..<3 { _ = await instance.raw(replica, "CONFIG", "SET", "maxmemory", "0") }
            _ = await instance.raw(0, "CONFIG", "SET", "maxmemory", "0")
            #expect(await instance.reactor.eventually { instance.engine.status()[0].error == nil })
            // The replica answers, so there is no partition.
            #expect(instance.events.suspected.isEmpty)
        }
    }

    @Test func aReplicaThatRestartsWithFullMemoryStillServesReadsAndDeletes() async throws {
        try await withInstance { instance, _ in
            try await instance.write("k", "v")
            #expect(await instance.converged("k"))
            let before = instance.engine.replicas[0].incarnation
            // As if another Redis process had stored the identity.
            _ = await instance.raw(0, "HSET", "cap:identity", "run_id", "other")
            _ = await instance.raw(0, "CONFIG", "SET", "maxmemory", "1000")
            #expect(await instance.engine.admit(replica: 0))
            #expect(instance.engine.replicas[0].incarnation != before)
            instance.group.cut = [1, 2]
            #expect(try await instance.read("k").text == "v")
            #expect(try await instance.delete("k").existed)
            #expect(instance.events.refused.isEmpty)
        }
    }

    @Test func aReplicaThatRejectsWritesIsNotAskedFirst() async throws {
        try await withInstance { instance, _ in
            // Every script that writes needs `MSET`. (Redis 6.2 runs scripts in spite of `min-replicas-to-write`.)
            _ = await instance.raw(0, "ACL", "SETUSER", "default", "-mset")
            #expect(await instance.reactor.eventually { instance.engine.status()[0].error != nil })
            let before = instance.group.changes[0, default: 0]
            for index in 0..<50 {
                try await instance.write("k", "v\(index)")
                #expect(try await instance.read("k").replica != "g1")
            }
            #expect(instance.group.changes[0, default: 0] == before)
            _ = await instance.raw(0, "ACL", "SETUSER", "default", "+mset")
            #expect(await instance.reactor.eventually { (try? await instance.read("k").replica) == "g1" })
        }
    }

    @Test func aCoordinatorThatRejectsChangesAlthoughItsProbesSucceedIsAskedFirstSeldom() async throws {
        try await withInstance { instance, _ in
            _ = await instance.raw(0, "ACL", "SETUSER", "default", "-zadd")
            for index in 0..<200 {
                let written = try await instance.write("k\(index)", "v")
                #expect(written.replica != "g1")
            }
            // The pause between two attempts doubles.
            #expect(instance.group.changes[0, default: 0] < 20)
            #expect(instance.engine.status()[0].error != nil)
            _ = await instance.raw(0, "ACL", "SETUSER", "default", "+zadd")
            let isUsed = await instance.reactor.eventually(withinMs: 30_000) {
                (try? await instance.write("k", "v").replica) == "g1"
            }
            #expect(isUsed)
        }
    }

    @Test func deletesAndTombstoneGCWorkWhileMemoryIsFull() async throws {
        try await withInstance {
            $0.tombstones.graceMs = 500
            $0.tombstones.gcIntervalMs = 200
        } _: { instance, _ in
            for index in 0..<10 { try await instance.write("k\(index)", "v") }
            for index in 0..<10 { #expect(await instance.converged("k\(index)")) }
            #expect(await instance.waitForKnown())
            for replica in 0..<3 { _ = await instance.raw(replica, "CONFIG", "SET", "maxmemory", "1000") }
            for index in 0..<10 {
                // The delete must not let a write of the same turn through.
                instance.reactor.spawn {
                    let result = try? await instance.write("new\(index)", "v")
                    #expect(result == nil)
                }
                #expect(try await instance.delete("k\(index)").existed)
            }
            #expect(try await !instance.delete("absent").existed)
            await #expect { try await instance.write("k", "v") } throws: { error in
                (error as? AvailableFailure)?.code == .replicaFull
            }
            #expect(await instance.reactor.eventually { instance.engine.stalenessMs(replica: 0) ?? .max < 10_000 })
            // Not only as many as there were keys: the tombstone of `absent` may be among the first ten.
            let keys = ["EXISTS"] + (0..<10).map { "ap:k\($0)" }
            let count = Command(.plain(keys.map { Bytes($0.utf8) }))
            for replica in 0..<3 {
                #expect(await instance.reactor.eventually { await instance.raw(replica, count) == .integer(0) })
            }
            #expect(instance.events.collected >= 10)
            #expect(instance.events.suspected.isEmpty)
        }
    }

    /// Rules A4 and A6: a write and a delete of one turn are delivered in one merge.
    @Test func aFullReplicaAcknowledgesTheDeletesOfADelivery() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            try await instance.write("deleted", "v")
            #expect(await instance.converged("deleted"))
            _ = await instance.raw(2, "CONFIG", "SET", "maxmemory", "1000")
            instance.group.cut = [2]
            let written = try await instance.write("new", "v")
            let deleted = try await instance.delete("deleted")
            #expect(written.replica == "g1" && deleted.replica == "g1")
            instance.group.cut = []

            let environment = Environment(
                group: instance.group, scheduler: instance.reactor, settings: instance.settings, events: nil)
            let batch = DeliveryBatch(
                environment,
                scripts: ScriptClient(environment: environment, admission: instance.engine.admission),
                acknowledgements: HintAcknowledgements(environment), coordinator: 0,
                clocks: instance.engine.replicas.clocks, startNs: instance.reactor.nowNs)
            var waits: [AcknowledgementWait] = []
            for key in ["new", "deleted"] {
                let record = try #require(await instance.record(key, 0))
                let wait = AcknowledgementWait(coordinator: 0, needed: 3)
                let siblings = record.siblings.flatMap { [$0.key.text, $0.value.packed] }
                batch.add(
                    CarriedRecord(
                        key: RedisKeys.record(Bytes(key.utf8)), vector: record.vector.text, siblings: siblings),
                    hlc: record.vector.entries.values.max() ?? 0, wait: wait)
                waits.append(wait)
            }
            batch.send()
            for wait in waits {
                await wait.wait(instance.reactor, untilNs: instance.reactor.nowNs + 5_000 * nsPerMs)
            }
            #expect(waits.map(\.replicas) == [[0, 1], [0, 1, 2]])
            #expect(await instance.record("new", 2) == Record())
            #expect(await instance.converged("deleted"))
            // Only the hint of the record that was left out stays.
            #expect(await instance.reactor.eventually { await instance.hints(0, 2) == 1 })
            #expect(await instance.raw(0, "ZSCORE", "cap:hints:g3", "ap:new") != .null)
        }
    }

    @Test func deletesBehindABacklogOfValuesReachAFullReplica() async throws {
        try await withInstance({ $0.background.batchRecords = 4 }) { instance, _ in
            for index in 0..<3 { try await instance.write("deleted\(index)", "v") }
            for index in 0..<3 { #expect(await instance.converged("deleted\(index)")) }
            instance.group.cut = [2]
            for index in 0..<40 { try await instance.write("k\(index)", "v") }
            for index in 0..<3 { try await instance.delete("deleted\(index)") }
            _ = await instance.raw(2, "CONFIG", "SET", "maxmemory", "1000")
            instance.group.cut = []
            for index in 0..<3 { #expect(await instance.converged("deleted\(index)")) }
            #expect(await instance.reactor.eventually { await instance.hints(0, 2) == 40 })
            #expect(await instance.record("k0", 2) == Record())
            _ = await instance.raw(2, "CONFIG", "SET", "maxmemory", "0")
            for index in 0..<40 { #expect(await instance.converged("k\(index)")) }
            #expect(await instance.reactor.eventually { await instance.hints(0, 2) == 0 })
        }
    }

    @Test func tombstonesReachAFullReplicaAndValuesDoNot() async throws {
        try await withInstance { instance, _ in
            try await instance.write("deleted", "v")
            try await instance.write("changed", "v")
            #expect(await instance.converged("deleted"))
            #expect(await instance.converged("changed"))
            let before = await instance.record("changed", 2)
            _ = await instance.raw(2, "CONFIG", "SET", "maxmemory", "1000")
            try await instance.write("changed", "w")
            try await instance.delete("deleted")
            #expect(await instance.converged("deleted"))
            #expect(await instance.record("changed", 2) == before)
            _ = await instance.raw(2, "CONFIG", "SET", "maxmemory", "0")
            #expect(await instance.converged("changed"))
        }
    }
}
