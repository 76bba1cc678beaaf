import EventLoop
import Replication
import TestSupport
import Testing

@testable import Available

/// The measurements that an instance has of each replica, and the values that it derives from them.
@Suite(.serialized, .timeLimit(.minutes(20))) struct ReplicaTableTests {
    @Test func anotherIncarnationBeginsWithoutMeasurements() async throws {
        try await withInstance(isRunning: false) { instance, _ in
            let table = instance.engine.replicas
            let counts = [HintCount(), HintCount(lowestHlc: 5, count: 7, overflowed: 3), HintCount()]
            let askedNs = instance.reactor.nowNs
            table.noteHints(of: 0, counts, hlc: 9, conflictKeys: 4, handoffDelayNs: 0)
            table.noteReplication(of: 0, nowUs: 100, upToUs: [nil, 90, 95], needsAntiEntropy: true, askedNs: askedNs)
            table.noteAntiEntropy(of: 0, agoUs: 50)
            table.noteError("OOM", of: 0)
            #expect(table.needsAntiEntropy(0) && table.needsAntiEntropy(1))
            // The same incarnation connects again.
            table.admit(0, try instance.clock(0))
            #expect(table[0].probe.hints.counts == counts)

            let another = ReplicaClock(
                incarnation: Bytes("another".utf8), epoch: Arguments.zero, timeUs: 0, receivedNs: askedNs)
            table.admit(0, another)
            let probe = table[0].probe
            #expect(probe.hints.counts == [HintCount(), HintCount(), HintCount()])
            #expect(probe.hints.countedNs == 0)
            #expect(probe.conflictKeys == 0)
            #expect(probe.comparedAgoUs == nil)
            #expect(probe.replication.upToUs == [nil, nil, nil])
            #expect(table.stalenessMs(of: 0) == nil)
            #expect(!table.needsAntiEntropy(0) && !table.needsAntiEntropy(1))
            // A new incarnation does not end the rejection of writes.
            #expect(table[0].error == "OOM")
        }
    }

    @Test func theOverflowOfAnUnreachableReplicaStartsNoComparison() async throws {
        try await withInstance({ $0.limits.maxHints = 1 }) { instance, _ in
            #expect(await instance.waitForKnown())
            instance.group.cut = [2]
            for index in 0..<5 { try await instance.write("k\(index)", "v") }
            #expect(await instance.reactor.eventually { instance.engine.status()[0].hints[1].overflowed > 0 })
            instance.events.antiEntropyRuns = []
            instance.group.cut = [0]
            #expect(await instance.waitForProbes(20))
            #expect(instance.engine.replicas.usable == [1, 2])
            #expect(!instance.events.antiEntropyRuns.contains { $0.replica == 2 })
            #expect(instance.engine.status()[2].needsAntiEntropy)
            instance.group.cut = []
            for index in 0..<5 { #expect(await instance.converged("k\(index)", withinMs: 20_000)) }
            #expect(await instance.reactor.eventually { !instance.engine.status()[2].needsAntiEntropy })
        }
    }
}
