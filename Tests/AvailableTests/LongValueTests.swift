import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Available

/// Many concurrent reads of long values: reads beyond the reply budget are rejected, and all others succeed.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LongValueTests {
    @Test(arguments: [false, true]) func readsBeyondTheReplyBudgetAreRejected(inSession: Bool) async throws {
        let servers = try APServers()
        let runner = try ReactorRunner()
        let long = String(repeating: "x", count: 60_000)
        let outcomes = try await runner.run { [reactor = runner.reactor] in
            var links = RedisGroupSettings()
            links.limits.maxHeldReplyBytes = 150_000
            let instance = APInstance(reactor, servers, prefers: ["g1"], links: links)
            defer { instance.close() }
            #expect(await instance.waitForAvailable())
            let token = try await instance.write("k", long).session.token
            #expect(await instance.converged("k"))
            // Without this cut, another replica would answer a rejected read.
            instance.group.cut = [1, 2]
            let reads = Tally()
            for _ in 0..<40 {
                reactor.spawn {
                    do throws(AvailableFailure) {
                        var request = ReadRequest(key: Bytes("k".utf8), deadlineNs: reactor.nowNs + 15_000 * nsPerMs)
                        request.session.token = inSession ? token : nil
                        reads.note(try await instance.engine.read(request).text == long ? "read" : "wrong")
                    } catch {
                        reads.note("\(error.code)")
                    }
                }
            }
            #expect(await reactor.eventually { reads.total == 40 })
            // The reply budget is free again.
            #expect(try await instance.read("k").text == long)
            return reads.counts
        }
        #expect(Set(outcomes.keys) == ["read", "overloaded"])
    }
}
