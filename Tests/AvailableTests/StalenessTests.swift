import EventLoop
import Replication
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(20))) struct StalenessTests {
    @Test func theBoundIsThatOfTheOldestPeerAndGrowsWithTime() {
        var bound = StalenessBound()
        #expect(bound.ms(atNs: 0) == nil)
        bound.measured(nowUs: 10_000_000, upToUs: [9_990_000, 9_900_000], askedNs: 1_000_000_000)
        #expect(bound.ms(atNs: 1_000_000_000) == 100)
        #expect(bound.ms(atNs: 3_000_000_000) == 2_100)
    }

    @Test func anUnknownPeerMakesItUnknown() {
        var bound = StalenessBound()
        bound.measured(nowUs: 10, upToUs: [5, 5], askedNs: 0)
        bound.measured(nowUs: 10, upToUs: [5, nil], askedNs: 0)
        #expect(bound.ms(atNs: 0) == nil)
        bound.measured(nowUs: 10, upToUs: [], askedNs: 0)
        #expect(bound.ms(atNs: 0) == 0)
        bound.forget()
        #expect(bound.ms(atNs: 0) == nil)
    }

    @Test func fencesAreShortUnlessTheReplicaIsDistant() {
        let settings = AvailableSettings(groupName: "g", secret: "s", nodeName: "n")
        #expect(Fence.budgetMs(latencyNs: 100_000, settings: settings) == 20)
        #expect(Fence.budgetMs(latencyNs: 5 * nsPerMs, settings: settings) == 40)
        #expect(Fence.budgetMs(latencyNs: 20 * nsPerMs, settings: settings) == 100)
        #expect(Fence.budgetMs(latencyNs: 100 * nsPerMs, settings: settings) > 200)
        #expect(Fence.budgetMs(latencyNs: .max, settings: settings) == 100)
    }

    @Test func aFenceIsNeverLaterThanTheReplicasClockAllows() {
        // Read at 1.000 s of the replica's clock and received at 5 ms of the local clock: at 8 ms the replica's clock
        // shows at least 1.003 s.
        let clock = ReplicaClock(incarnation: [1], epoch: [48], timeUs: 1_000_000, receivedNs: 5 * nsPerMs)
        #expect(clock.earliestUs(atNs: 8 * nsPerMs) == 1_003_000)
        #expect(clock.fence(startNs: 8 * nsPerMs, budgetMs: 20) == [Bytes("1023000".utf8), [48], [1]])
        #expect(!clock.isWorthReplacing(timeUs: 1_002_000, receivedNs: 8 * nsPerMs))
        #expect(clock.isWorthReplacing(timeUs: 1_004_000, receivedNs: 8 * nsPerMs))
    }

    @Test func aWriteKeepsTheClocksThatItBeganWith() {
        var table = ClockTable(count: 2)
        table.adopt(0, ReplicaClock(incarnation: [1], epoch: [48], timeUs: 0, receivedNs: 0))
        let begun = table
        _ = table.read(0, epoch: [48], timeUs: 5_000, receivedNs: 0)
        #expect(table.generation == begun.generation)
        _ = table.read(0, epoch: [49], timeUs: 0, receivedNs: 0)
        #expect(table.generation != begun.generation)
        #expect(begun[0]?.epoch == [48])
        // A reading of the previous clock epoch arrives late.
        let isCurrent = table.read(0, epoch: [48], timeUs: 9_000_000, receivedNs: 0)
        #expect(!isCurrent)
        #expect(table[0]?.epoch == [49])
        table.forget(0)
        #expect(table[0] == nil)
        #expect(begun[0] != nil)
    }
}
