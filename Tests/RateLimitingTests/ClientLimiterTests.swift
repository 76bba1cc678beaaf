import EventLoop
import HTTP
import Replication
import Testing
import TestSupport

@testable import RateLimiting

private let alice = LimitedClient.token(name: "alice")

/// Instances on scripted replicas, in virtual time.
private final class Instances {
    let scheduler = VirtualScheduler()
    let group: MeterGroup
    let limiters: [ClientLimiter]
    private(set) var failures = 0

    init(_ count: Int = 1, perMinute: UInt64, burst: UInt64 = 0) throws {
        let limits = try #require(RateLimits(perMinute: perMinute, perHour: 0, burst: burst))
        group = MeterGroup(try #require(limits.minute), scheduler)
        var noteFailure: () -> Void = {}
        limiters = (0..<count).map { [group, scheduler] _ in
            ClientLimiter(limits, group: group, scheduler: scheduler, secret: "s") { if !$0 { noteFailure() } }
        }
        noteFailure = { [unowned self] in failures += 1 }
    }

    func admits(_ client: LimitedClient = alice, at instance: Int = 0) async -> Bool {
        if case .admitted = await limiters[instance].admit(client) { true } else { false }
    }

    /// Sends requests one after the other, with a pause.
    /// - Returns: how many were admitted.
    func send(_ count: Int, everyNs: UInt64 = 0, at instance: Int = 0) async -> Int {
        var admitted = 0
        for _ in 0..<count {
            if await admits(at: instance) { admitted += 1 }
            if everyNs > 0 { await scheduler.sleep(forNs: everyNs) }
        }
        return admitted
    }

    /// Sends requests at once.
    /// - Returns: how many were admitted.
    func sendAtOnce(_ count: Int) async -> Int {
        var (admitted, done) = (0, 0)
        for _ in 0..<count {
            scheduler.spawn { [self] in
                if await admits() { admitted += 1 }
                done += 1
            }
        }
        while done < count { await scheduler.sleep(forNs: nsPerMs) }
        return admitted
    }
}

@Suite(.timeLimit(.minutes(20))) struct ClientLimiterTests {
    @Test func aSmallLimitIsExact() throws {
        let instances = try Instances(perMinute: 60, burst: 10)
        #expect(try instances.scheduler.run { await instances.send(50) } == 10)
    }

    /// In 70 seconds of flood, four instances admit the burst and what accrues, to 1 %.
    @Test(arguments: [60, 600, 6_000, 60_000] as [UInt64])
    func fourInstancesShareALimit(perMinute: UInt64) throws {
        let instances = try Instances(4, perMinute: perMinute)
        let scheduler = instances.scheduler
        let startNs = scheduler.nowNs
        let counts = try scheduler.run {
            var (admitted, done) = (0, 0)
            for instance in 0..<4 {
                scheduler.spawn {
                    while scheduler.nowNs < startNs + 70_000 * nsPerMs {
                        admitted += await instances.send(1, everyNs: 700_000, at: instance)
                    }
                    done += 1
                }
            }
            while done < 4 { await scheduler.sleep(forNs: 100 * nsPerMs) }
            return admitted
        }
        let expected = Double(perMinute) * 70 / 60 + Double(max(1, perMinute / 6))
        #expect(abs(Double(counts) - expected) <= max(expected / 100, 1), "\(counts) of \(expected)")
    }

    @Test func aBusyClientCostsFewCalls() throws {
        let instances = try Instances(perMinute: 10_000_000)
        #expect(try instances.scheduler.run { await instances.send(20_000, everyNs: 50_000) } == 20_000)
        #expect(instances.group.calls.count < 100, "\(instances.group.calls.count) in a second")
        let most = instances.group.calls.map(\.wanted).max()
        #expect(most.map { $0 <= 10_000_000 / 500 } == true)
    }

    @Test func aRefusedFloodCostsNoCalls() throws {
        let instances = try Instances(perMinute: 1)
        let admitted = try instances.scheduler.run { await instances.send(10_000) }
        #expect(admitted == 1)
        #expect(instances.group.calls.count == 2)
        #expect(instances.limiters[0].refusal(of: alice)?.retryAfterS == 60)
        #expect(instances.limiters[0].refusal(of: .token(name: "bob")) == nil)
    }

    @Test func requestsThatArriveTogetherShareACall() throws {
        let instances = try Instances(perMinute: 60, burst: 40)
        #expect(try instances.scheduler.run { await instances.sendAtOnce(64) } == 40)
        #expect(instances.group.calls.count <= 3)
    }

    @Test func clientsDoNotShareALimit() throws {
        let instances = try Instances(perMinute: 1)
        let admitted = try instances.scheduler.run {
            [await instances.admits(), await instances.admits(), await instances.admits(.token(name: "bob"))]
        }
        #expect(admitted == [true, false, true])
    }

    @Test func theNextReplicaReplacesOneThatIsGone() throws {
        let instances = try Instances(2, perMinute: 1, burst: 3)
        let group = instances.group
        let admitted = try instances.scheduler.run {
            var admitted = [await instances.send(5, at: 0)]
            let first = group.calls[0].replica
            group.available.remove(first)
            await instances.scheduler.sleep(forNs: 200_000 * nsPerMs)
            // The other instance finds the same next replica.
            admitted += [await instances.send(2, at: 0), await instances.send(5, at: 1)]
            #expect(Set(group.calls.suffix(3).map(\.replica)) == [(first + 1) % 3])
            return admitted
        }
        #expect(admitted == [3, 2, 1])
        #expect(instances.failures == 0)
    }

    @Test func aReplicaWithoutMemoryIsReplacedByTheNext() throws {
        let instances = try Instances(perMinute: 1, burst: 3)
        instances.group.full = [0, 1]
        #expect(try instances.scheduler.run { await instances.send(9) } == 3)
        #expect(instances.failures == 0)
    }

    @Test func withoutReplicasTheLimitHoldsInTheInstance() throws {
        let instances = try Instances(2, perMinute: 60, burst: 10)
        instances.group.available = []
        let admitted = try instances.scheduler.run {
            [await instances.send(50, at: 0), await instances.send(50, at: 1)]
        }
        #expect(admitted == [10, 10], "each instance alone")
        #expect(instances.group.calls.isEmpty)
    }

    @Test func withoutReplicasAnExhaustedLimitStaysExhausted() throws {
        let instances = try Instances(perMinute: 1, burst: 3)
        let admitted = try instances.scheduler.run {
            let before = await instances.send(2)
            instances.group.available = []
            return [before, await instances.send(9)]
        }
        #expect(admitted == [2, 1])
    }

    @Test func aSilentReplicaDelaysNoRequestForLong() throws {
        let instances = try Instances(perMinute: 60, burst: 10)
        let scheduler = instances.scheduler
        instances.group.silent = [0, 1, 2]
        try scheduler.run {
            let startNs = scheduler.nowNs
            #expect(await instances.admits())
            #expect(scheduler.nowNs - startNs <= 100 * nsPerMs)
            let nextNs = scheduler.nowNs
            #expect(await instances.send(9) == 9)
            #expect(scheduler.nowNs == nextNs, "the others do not wait")
            instances.group.silent = []
            await scheduler.sleep(forNs: 2_000 * nsPerMs)
            _ = await instances.admits()
        }
        #expect(instances.failures == 1)
        #expect(instances.limiters[0].refusal(of: alice) == nil)
    }

    @Test func requestsThatWaitAreBounded() throws {
        let instances = try Instances(perMinute: 600_000, burst: 10_000)
        instances.group.replyMs = 40
        #expect(try instances.scheduler.run { await instances.sendAtOnce(3_000) } == 3_000)
        #expect(instances.group.calls.allSatisfy { $0.wanted <= 1_200 }, "a lease, or 1,024 that wait")
    }

    @Test func theTableOfClientsIsBounded() throws {
        let limits = try #require(RateLimits(perMinute: 1, perHour: 0, burst: 0))
        var table = LimitTable(capacity: 100)
        var made = 0
        for round in 0..<2 {
            for number in 0..<1_000 as Range<UInt64> {
                for client in [.address(ClientAddress(network: number)), alice] as [LimitedClient] {
                    _ = table.entry(of: client) {
                        made += 1
                        return LimitEntry(key: LimitKey(client, secret: .init(data: [1])), limit: ClientLimit(limits))
                    }
                }
                #expect(table.count <= 101, "round \(round)")
            }
        }
        #expect(made == 2_001, "a client that stays is kept")
    }
}
