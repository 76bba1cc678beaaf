import EventLoop
import Replication
import TestSupport
import Testing

@testable import Available

/// An instance that has just started (rule A8): staleness is known before a cut begins, and stays known during the cut.
@Suite(.serialized, .timeLimit(.minutes(20))) struct StartTests {
    /// Cuts off two replicas as soon as the staleness of all is known, and checks that the staleness grows during the
    /// cut.
    private func checkCut(_ instance: APInstance, value: String?) async throws {
        #expect(await instance.waitForKnown())
        instance.group.cut = [1, 2]
        let first = try await instance.read("k")
        #expect(first.text == value)
        let stalenessMs = try #require(first.stalenessMs)
        #expect(await instance.waitForProbes(10))
        let later = try await instance.read("k")
        #expect(try #require(later.stalenessMs) > stalenessMs)
        #expect(later.replica == "g1")
        instance.group.cut = []
    }

    @Test func aCutRightAfterTheFirstStartShowsStaleness() async throws {
        try await withInstance { instance, _ in try await checkCut(instance, value: nil) }
    }

    @Test func onUnchangedReplicasStalenessIsKnownWithoutAComparison() async throws {
        try await withInstance { instance, servers in
            try await instance.write("k", "v")
            #expect(await instance.converged("k"))
            #expect(await instance.waitForKnown())
            instance.close()
            let second = APInstance(instance.reactor, servers, prefers: ["g1"])
            defer { second.close() }
            try await checkCut(second, value: "v")
            #expect(second.events.adopted.isEmpty)
            #expect(second.events.antiEntropyRuns.isEmpty)
        }
    }

    @Test func onRestartedReplicasStalenessIsKnownAfterOneComparison() async throws {
        try await withInstance { instance, servers in
            try await instance.write("k", "v")
            #expect(await instance.converged("k"))
            instance.close()
            for replica in 0..<3 {
                servers[replica].kill()
                try servers[replica].start()
            }
            let second = APInstance(instance.reactor, servers, prefers: ["g1"])
            defer { second.close() }
            try await checkCut(second, value: "v")
            #expect(second.events.adopted.count == 3)
        }
    }
}
