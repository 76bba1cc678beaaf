import EventLoop
import HTTP
import Replication
import TestSupport
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct LargeRequestTests {
    private let scheduler = VirtualScheduler()

    /// What became of requests of these sizes that enter at once, while none of them ends.
    private func entered(_ requests: LargeRequests, _ byteCounts: [Int]) async -> [Bool?] {
        let outcomes = Outcomes(count: byteCounts.count)
        for (index, byteCount) in byteCounts.enumerated() {
            scheduler.spawn { outcomes.all[index] = await requests.enter(byteCount: byteCount) }
        }
        await scheduler.sleep(forNs: 80 * nsPerMs)
        return outcomes.all
    }

    private final class Outcomes {
        var all: [Bool?]
        init(count: Int) { all = Array(repeating: nil, count: count) }
    }

    @Test func aSmallRequestNeverWaitsForLargeOnes() throws {
        let requests = LargeRequests(scheduler: scheduler, capacity: 1 << 20)
        let outcomes = try scheduler.run { await entered(requests, [1 << 20, 1 << 20, 100, 16 << 10]) }
        #expect(outcomes == [true, nil, true, true])
    }

    @Test func aLargeRequestThatWaitsTooLongIsShed() throws {
        let requests = LargeRequests(scheduler: scheduler, capacity: 1 << 20)
        let outcomes = try scheduler.run {
            _ = await entered(requests, [1 << 20])
            let shed = await requests.enter(byteCount: 1 << 20)
            requests.leave(byteCount: 1 << 20)
            return [shed, await requests.enter(byteCount: 1 << 20)]
        }
        #expect(outcomes == [false, true])
    }

    @Test func aLargeRequestStartsWhenAnotherOneIsDone() throws {
        let requests = LargeRequests(scheduler: scheduler, capacity: 1 << 20)
        let outcomes = try scheduler.run {
            _ = await entered(requests, [1 << 20])
            scheduler.spawn {
                await scheduler.sleep(forNs: 10 * nsPerMs)
                requests.leave(byteCount: 1 << 20)
            }
            return await requests.enter(byteCount: 1 << 20)
        }
        #expect(outcomes)
    }

    @Test func aReadCostsWhatItReturnedLastTime() {
        let requests = LargeRequests(scheduler: scheduler)
        let key = Bytes("k".utf8)
        #expect(requests.expectedByteCount(of: key) == 0)
        requests.note(key, byteCount: 1 << 20)
        #expect(requests.expectedByteCount(of: key) == 1 << 20)
        requests.note(key, byteCount: 10)
        #expect(requests.expectedByteCount(of: key) == 0)
    }

    @Test func knownSizesTakeABoundedAmountOfMemory() {
        var sizes = KnownSizes(count: 8)
        let keys = (0..<100).map { Bytes("key \($0)".utf8) }
        for key in keys { sizes[key] = 1 << 20 }
        #expect((1...8).contains(keys.count { sizes[$0] == 1 << 20 }))
        #expect(keys.allSatisfy { [0, 1 << 20].contains(sizes[$0]) })
    }

    @Test func aShedRequestIsOverloadedNotAppliedAndCounted() async throws {
        let endpoints = try CPEndpoints(["MAX_VALUE_BYTES": "10000000"])
        let value = Bytes(repeating: 1, count: 5 << 20)
        // The first one holds the whole capacity and never ends.
        let blocked = SuspendedReply()
        endpoints.store.beforeChange = { await blocked.wait() }
        let scheduler = endpoints.scheduler
        let response = try scheduler.run {
            scheduler.spawn { _ = await endpoints.ask(.post, "/write/a", body: value) }
            return await endpoints.ask(.post, "/write/b", body: value)
        }
        try expect(response, 503, "overloaded")
        #expect(response.header("Retry-After") == "1")
        #expect(try text(response.members["outcome"]) == "not_applied")
        #expect(endpoints.shedRequests("write") == 1)
        #expect(endpoints.store.changes.map(\.key) == [Bytes("a".utf8)])
        blocked.resume()
    }
}

/// A call that does not return until the test ends.
private final class SuspendedReply {
    private var continuation: UnsafeContinuation<Void, Never>?

    func wait() async { await withUnsafeContinuation { continuation = $0 } }
    func resume() { continuation.take()?.resume() }
}
