import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

/// Two instances on the same servers, one per site. During a cut, the east does not reach g3, and the west reaches only
/// g3.
func withTwoSites(
    _ adjust: @escaping @Sendable (inout AvailableSettings) -> Void = { _ in },
    _ body: @escaping @Sendable (_ east: APInstance, _ west: APInstance, APServers) async throws -> Void
) async throws {
    let servers = try APServers()
    let runner = try ReactorRunner()
    let reactor = runner.reactor
    try await runner.run {
        let east = APInstance(reactor, servers, prefers: ["g1"], adjust)
        let west = APInstance(reactor, servers, prefers: ["g3"], adjust)
        defer {
            east.close()
            west.close()
        }
        guard await east.waitForAvailable(), await west.waitForAvailable(), await east.waitForKnown(),
            await west.waitForKnown()
        else { throw TestFailure("replicas were not admitted") }
        try await body(east, west, servers)
    }
}

@Suite(.serialized, .timeLimit(.minutes(20))) struct PartitionTests {
    @Test func bothSidesStayAvailableAndBothValuesRemainAfterTheHeal() async throws {
        try await withTwoSites { east, west, _ in
            try await east.write("k", "before")
            #expect(await east.converged("k"))
            east.group.cut = [2]
            west.group.cut = [0, 1]
            try await east.write("k", "east")
            try await west.write("k", "west")
            #expect(try await east.read("k").text == "east")
            #expect(try await west.read("k").text == "west")
            east.group.cut = []
            west.group.cut = []
            #expect(await east.converged("k"))
            let conflict = try await east.read("k")
            #expect(Set(conflict.conflictTexts) == ["east", "west"])
            #expect(conflict.text == "west")
            #expect(try await west.read("k").conflictTexts == conflict.conflictTexts)
            try await west.write("k", "both", context: conflict.version)
            #expect(await east.converged("k"))
            #expect(try await east.read("k").conflicts.isEmpty)
            #expect(try await east.read("k").text == "both")
        }
    }

    @Test func manyKeysOfBothSidesConvergeAndNoneIsLost() async throws {
        try await withTwoSites { east, west, _ in
            east.group.cut = [2]
            west.group.cut = [0, 1]
            for index in 0..<500 {
                try await east.write("east\(index)", "e\(index)")
                try await west.write("west\(index)", "w\(index)")
                try await (index.isMultiple(of: 2) ? east : west).write("shared\(index)", "s\(index)")
            }
            east.group.cut = []
            west.group.cut = []
            for index in 0..<500 {
                #expect(await east.converged("east\(index)"))
                #expect(await east.converged("west\(index)"))
                #expect(await east.converged("shared\(index)"))
                #expect(try await west.read("east\(index)").text == "e\(index)")
                #expect(try await east.read("west\(index)").text == "w\(index)")
            }
            let isPaid = await east.reactor.eventually {
                for owner in 0..<3 {
                    for peer in 0..<3 where peer != owner {
                        if await east.hints(owner, peer) != 0 { return false }
                    }
                }
                return true
            }
            #expect(isPaid)
        }
    }

    @Test func stalenessGrowsWhileAPeerIsCutOffAndFallsAfterTheHeal() async throws {
        try await withTwoSites { east, west, _ in
            let reactor = east.reactor
            #expect(await reactor.eventually { (west.engine.stalenessMs(replica: 2) ?? .max) < 200 })
            east.group.cut = [2]
            west.group.cut = [0, 1]
            try await east.write("k", "east")
            #expect(await reactor.eventually { (west.engine.stalenessMs(replica: 2) ?? 0) > 700 })
            let read = try await west.read("k")
            #expect(read.value == nil)
            #expect(read.stalenessMs ?? 0 > 700)
            await #expect { try await west.read("k", maxStalenessMs: 500) } throws: { error in
                let failure = error as? AvailableFailure
                return failure?.code == .tooStale && failure?.stalenessMs ?? 0 > 700
            }
            #expect(await reactor.eventually { east.events.suspected == [2] && west.events.suspected == [0, 1] })
            east.group.cut = []
            west.group.cut = []
            #expect(await reactor.eventually { (west.engine.stalenessMs(replica: 2) ?? .max) < 200 })
            #expect(try await west.read("k", maxStalenessMs: 1_000).text == "east")
            #expect(await reactor.eventually { east.events.healed == [2] && Set(west.events.healed) == [0, 1] })
        }
    }

    @Test func stalenessStaysLowUnderSteadyWrites() async throws {
        try await withTwoSites { east, west, _ in
            let untilNs = east.reactor.nowNs + 1_500 * nsPerMs
            var isOver = false
            east.reactor.spawn {
                var count = 0
                while !isOver {
                    _ = try? await east.write("hot", "v\(count)")
                    count += 1
                }
            }
            while east.reactor.nowNs < untilNs { await east.reactor.sleep(forNs: 10 * nsPerMs) }
            // The writes go on meanwhile, so that a staleness that counts from the first of them would only rise.
            for replica in 1...2 {
                #expect(await east.reactor.eventually { west.engine.stalenessMs(replica: replica) ?? .max < 1_000 })
            }
            isOver = true
        }
    }

    @Test func hintsSurviveTheInstanceThatStoredThem() async throws {
        let servers = try APServers()
        let runner = try ReactorRunner()
        let reactor = runner.reactor
        try await runner.run {
            let first = APInstance(reactor, servers, isRunning: false)
            #expect(await first.waitForAvailable())
            first.group.cut = [1, 2]
            for index in 0..<200 { try await first.write("k\(index)", "v\(index)") }
            #expect(await first.hints(0, 1) == 200)
            first.close()

            let second = APInstance(reactor, servers) { $0.background.antiEntropyIntervalMs = 3_600_000 }
            defer { second.close() }
            #expect(await second.waitForAvailable())
            for index in 0..<200 { #expect(await second.converged("k\(index)")) }
            #expect(await reactor.eventually { await second.hints(0, 1) == 0 })
        }
    }

    @Test func hintsThatFindNoRoomAreCountedAndAllRecordsConverge() async throws {
        try await withTwoSites {
            $0.limits.maxHints = 5
        } _: { east, west, _ in
            east.group.cut = [2]
            west.group.cut = [0, 1]
            for index in 0..<40 { try await east.write("k\(index)", "v\(index)") }
            #expect(await east.hints(0, 2) == 5)
            #expect(await east.raw(0, "HGET", "cap:hint_overflow:g3", "count") == .bulk(Bytes("35".utf8)))
            #expect(await east.reactor.eventually { east.engine.status()[0].hints[1].overflowed == 35 })
            east.group.cut = []
            west.group.cut = []
            for index in 0..<40 { #expect(await east.converged("k\(index)", withinMs: 20_000)) }
            #expect(
                await east.reactor.eventually { await east.raw(0, "EXISTS", "cap:hint_overflow:g3") == .integer(0) })
            #expect(await east.waitForKnown())
        }
    }

    @Test func aDeletedValueDoesNotReturnFromTheOtherSide() async throws {
        try await withTwoSites { east, west, _ in
            try await east.write("k", "v")
            #expect(await east.converged("k"))
            east.group.cut = [2]
            west.group.cut = [0, 1]
            try await east.delete("k")
            #expect(try await west.read("k").text == "v")
            east.group.cut = []
            west.group.cut = []
            #expect(await east.converged("k"))
            #expect(try await west.read("k").value == nil)
            #expect(try await east.read("k").conflicts.isEmpty)
        }
    }

    @Test func aWriteThatTwoCoordinatorsStoredIsShownOnce() async throws {
        try await withTwoSites { east, west, _ in
            // As if the reply of g1 was lost, and the second attempt went to g2, which does not have the write yet.
            for replica in [0, 1] {
                let put = try east.put("k", "v", id: 42, at: replica, budgetMs: 500)
                #expect(await east.raw(replica, put)?.putFields.first == "OK")
                #expect(await east.raw(replica, put)?.putFields.first == "SAME")
            }
            #expect(await east.converged("k"))
            #expect(await east.record("k", 2)?.siblings.count == 2)
            let read = try await west.read("k")
            #expect(read.text == "v")
            #expect(read.conflicts.isEmpty)
            #expect(try await west.conflicts().keys.isEmpty)
        }
    }
}
