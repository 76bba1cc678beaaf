import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Consistent

/// Many concurrent reads of long values: reads beyond the reply budget are rejected, and all others succeed.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LongValueTests {
    @Test func readsBeyondTheReplyBudgetAreRejected() async throws {
        let servers = try CPServers()
        let runner = try ReactorRunner()
        let long = String(repeating: "x", count: 60_000)
        let outcomes = try await runner.run { [reactor = runner.reactor] in
            #expect(await CPInstance.initialize(reactor, servers) == .initialized)
            var links = RedisGroupSettings()
            links.limits.maxHeldReplyBytes = 150_000
            let cp = CPInstance(reactor, servers, settings: links)
            #expect(await cp.waitForAll())
            try await cp.write("k", long)
            let reads = Tally()
            for _ in 0..<40 {
                reactor.spawn {
                    do throws(StoreFailure) {
                        reads.note(try await cp.read("k").text == long ? "read" : "wrong")
                    } catch {
                        reads.note("\(error.code)")
                    }
                }
            }
            #expect(await reactor.eventually { reads.total == 40 })
            // The reply budget is free again.
            #expect(try await cp.read("k").text == long)
            return reads.counts
        }
        #expect(Set(outcomes.keys) == ["read", "overloaded"])
    }
}
