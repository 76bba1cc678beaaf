import EventLoop
import HTTP
import Replication
import TestSupport
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct LargeRequestAdmissionTests {
    private let scheduler = VirtualScheduler()
    private let client = ClientAddress(network: 1)

    /// Lets requests of these sizes enter at the same time; none of them leaves. Returns whether each was admitted
    /// (true), was shed (false), or still waits after 80 ms (nil).
    private func entered(_ admission: LargeRequestAdmission, _ byteCounts: [Int]) async -> [Bool?] {
        let outcomes = Outcomes(count: byteCounts.count)
        for (index, byteCount) in byteCounts.enumerated() {
            scheduler.spawn { outcomes.all[index] = await admission.enter(byteCount: byteCount, from: client) != nil }
        }
        await scheduler.sleep(forNs: 80 * nsPerMs)
        return outcomes.all
    }

    private final class Outcomes {
        var all: [Bool?]
        init(count: Int) { all = Array(repeating: nil, count: count) }
    }

    @Test func aSmallRequestNeverWaitsForLargeOnes() throws {
        let admission = LargeRequestAdmission(scheduler: scheduler, capacity: 1 << 20)
        let outcomes = try scheduler.run { await entered(admission, [1 << 20, 1 << 20, 100, 16 << 10]) }
        #expect(outcomes == [true, nil, true, true])
    }

    @Test func aLargeRequestThatWaitsTooLongIsShed() throws {
        let admission = LargeRequestAdmission(scheduler: scheduler, capacity: 1 << 20)
        let outcomes = try scheduler.run {
            _ = await entered(admission, [1 << 20])
            let isShed = await admission.enter(byteCount: 1 << 20, from: client) == nil
            admission.leave(.large(byteCount: 1 << 20))
            return [isShed, await admission.enter(byteCount: 1 << 20, from: client) == nil]
        }
        #expect(outcomes == [true, false])
    }

    @Test func aLargeRequestStartsWhenAnotherOneIsDone() throws {
        let admission = LargeRequestAdmission(scheduler: scheduler, capacity: 1 << 20)
        let outcomes = try scheduler.run {
            _ = await entered(admission, [1 << 20])
            scheduler.spawn {
                await scheduler.sleep(forNs: 10 * nsPerMs)
                admission.leave(.large(byteCount: 1 << 20))
            }
            return await admission.enter(byteCount: 1 << 20, from: client) != nil
        }
        #expect(outcomes)
    }

    @Test func aClientIsNotDelayedByAnotherOneWithManyLargeRequests() throws {
        let admission = LargeRequestAdmission(scheduler: scheduler, capacity: 1 << 20)
        let isServed = try scheduler.run {
            for _ in 0..<600 {
                scheduler.spawn {
                    guard let place = await admission.enter(byteCount: 1 << 20, from: client) else { return }
                    await scheduler.sleep(forNs: 10 * nsPerMs)
                    admission.leave(place)
                }
            }
            await scheduler.sleep(forNs: nsPerMs)
            let startNs = scheduler.nowNs
            let place = await admission.enter(byteCount: 1 << 20, from: ClientAddress(network: 2))
            return place != nil && scheduler.nowNs <= startNs + 10 * nsPerMs
        }
        #expect(isServed)
    }

    @Test func aReadCostsWhatItReturnedLastTime() throws {
        let admission = LargeRequestAdmission(scheduler: scheduler)
        let key = Bytes("k".utf8)
        let places = try scheduler.run {
            var places: [LargeRequestAdmission.Place?] = []
            for byteCount in [1 << 20, 10, 5] {
                let place = await admission.enter(key: key, from: client)
                places.append(place)
                admission.note(key, byteCount: byteCount, from: place ?? .small)
                admission.leave(place ?? .small)
            }
            return places
        }
        #expect(places == [.unknown, .large(byteCount: 1 << 20), .small])
    }

    @Test func aFewReadsOfUnknownKeysRunUntilTheirSizesAreKnown() throws {
        let admission = LargeRequestAdmission(scheduler: scheduler)
        let outcomes = Outcomes(count: 100)
        try scheduler.run {
            for index in 0..<100 {
                let key = Bytes("\(index)".utf8)
                scheduler.spawn { outcomes.all[index] = await admission.enter(key: key, from: client) != nil }
            }
            await scheduler.sleep(forNs: 80 * nsPerMs)
        }
        #expect(outcomes.all.count { $0 == true } == 8)
        #expect(outcomes.all.count { $0 == nil } == 92)
    }

    @Test func smallAnswersLetEveryReadRun() throws {
        let admission = LargeRequestAdmission(scheduler: scheduler)
        let running = Outcomes(count: 0)
        try scheduler.run {
            for index in 0..<2_000 {
                let key = Bytes("\(index)".utf8)
                scheduler.spawn {
                    guard let place = await admission.enter(key: key, from: client) else { return }
                    running.all.append(true)
                    admission.note(key, byteCount: 10, from: place)
                    await scheduler.sleep(forNs: nsPerMs)
                    admission.leave(place)
                }
            }
            await scheduler.sleep(forNs: 20 * nsPerMs)
        }
        #expect(running.all.count == 2_000)
    }

    @Test func knownSizesTakeABoundedAmountOfMemory() {
        var sizes = KnownSizes(count: 8)
        let keys = (0..<100).map { Bytes("key \($0)".utf8) }
        for key in keys { sizes[key] = 1 << 20 }
        #expect((1...8).contains(keys.count { sizes[$0] == 1 << 20 }))
        sizes[keys[0]] = 10
        #expect((1...8).contains(keys.count { sizes[$0] != nil }))
    }

    @Test func aShedRequestIsOverloadedNotAppliedAndCounted() async throws {
        let endpoints = try CPEndpoints(["MAX_VALUE_BYTES": "10000000"])
        let value = Bytes(repeating: 1, count: 5 << 20)
        // The first request holds the whole capacity and never ends.
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
