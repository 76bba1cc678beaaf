import EventLoop
import Replication
import Testing

@testable import Available

@Suite(.timeLimit(.minutes(20))) struct ReplicaOrderTests {
    private func candidate(_ latencyUs: UInt64, complete: Bool = true, preferred: Bool = false)
        -> ReplicaOrder.Candidate
    {
        .init(isUsable: true, isComplete: complete, isPreferred: preferred, latencyNs: latencyUs * 1_000)
    }

    @Test func noiseDoesNotChangeTheFirstReplica() {
        var order = ReplicaOrder(count: 3)
        order.update([candidate(200), candidate(180), candidate(190)], nowNs: 0)
        #expect(order.order.first == 0)
        order.update([candidate(500), candidate(180), candidate(190)], nowNs: 0)
        #expect(order.order.first == 0)
    }

    @Test func aReplicaThatIsClearlyNearerForAWhileBecomesTheFirst() {
        var order = ReplicaOrder(count: 3)
        let far = [candidate(50_000), candidate(300), candidate(290)]
        let near = [candidate(250), candidate(300), candidate(290)]
        order.update(far, nowNs: 0)
        #expect(order.order.first == 0)
        // Slow only for a moment.
        order.update(near, nowNs: 100 * nsPerMs)
        order.update(far, nowNs: 200 * nsPerMs)
        order.update(far, nowNs: 200 * nsPerMs + ReplicaOrder.patienceNs - 1)
        #expect(order.order.first == 0)
        order.update(far, nowNs: 200 * nsPerMs + ReplicaOrder.patienceNs)
        #expect(order.order.first == 1)
        #expect(order.order.last == 0)
    }

    @Test func aCompleteReplicaComesBeforeANearerIncompleteOne() {
        var order = ReplicaOrder(count: 3)
        order.update([candidate(100, complete: false), candidate(900), candidate(50_000)], nowNs: 0)
        #expect(order.order == [1, 2, 0])
    }

    @Test func aClearlyStalerReplicaAndOneThatRejectsWritesAreNotAskedFirst() {
        var order = ReplicaOrder(count: 3)
        var own = candidate(100, preferred: true)
        own.isFresh = false
        order.update([own, candidate(900), candidate(50_000)], nowNs: 0)
        #expect(order.order == [1, 2, 0])
        own.isFresh = true
        own.acceptsWrites = false
        order.update([candidate(900), own, candidate(50_000)], nowNs: 0)
        #expect(order.order == [0, 2, 1])
    }

    @Test func aReplicaThatRejectsChangesPausesLongerEachTime() {
        var rejections = WriteRejections()
        rejections.rejected("NOPERM", atNs: 0)
        // A second rejection in the same batch does not count.
        rejections.rejected("NOPERM", atNs: 0)
        #expect(rejections.reason(atNs: WriteRejections.minPauseNs - 1) == "NOPERM")
        #expect(rejections.reason(atNs: WriteRejections.minPauseNs) == nil)
        rejections.rejected("NOPERM", atNs: WriteRejections.minPauseNs)
        #expect(rejections.reason(atNs: 3 * WriteRejections.minPauseNs - 1) != nil)
        rejections.accepted()
        #expect(rejections == WriteRejections())
    }

    @Test func theSitesOwnReplicaComesFirst() {
        var order = ReplicaOrder(count: 3)
        order.update([candidate(100), candidate(100), candidate(900, preferred: true)], nowNs: 0)
        #expect(order.order.first == 2)
    }
}
