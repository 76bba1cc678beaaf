import Replication
import Testing

@Suite(.timeLimit(.minutes(20))) struct QuorumTests {
    @Test(arguments: [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (8, 5)])
    func aMajorityIsMoreThanHalf(count: Int, size: Int) {
        #expect(Quorum.majority(of: count) == size)
    }

    @Test func votesDecideAsSoonAsTheyCan() {
        let quorum = Quorum(voters: .all(3), majorityOf: 3)
        #expect(quorum.verdict(yes: [], pending: [0, 1, 2]) == .pending)
        #expect(quorum.verdict(yes: [1], pending: [2]) == .pending)
        #expect(quorum.verdict(yes: [1, 2], pending: [0]) == .won)
        #expect(quorum.verdict(yes: [1], pending: []) == .lost)
        #expect(quorum.verdict(yes: [], pending: [2]) == .lost)
    }

    @Test func onlyVotersAreCounted() {
        let quorum = Quorum(voters: [0, 1], majorityOf: 3)
        #expect(!quorum.isReached(by: [1, 2]))
        #expect(quorum.verdict(yes: [1, 2], pending: [2]) == .lost)
        #expect(quorum.verdict(yes: [2], pending: [0, 1]) == .pending)
        #expect(quorum.isReached(by: [0, 1]))
    }

    @Test func aGroupWithTooFewVotersNeverWins() {
        let quorum = Quorum(voters: [0], majorityOf: 3)
        #expect(quorum.verdict(yes: [0], pending: [1, 2]) == .lost)
    }

    @Test func anyTwoQuorumsShareAVoter() {
        for count in 1...maxReplicas {
            let quorum = Quorum(voters: .all(count), majorityOf: count)
            #expect(2 * quorum.size > count)
        }
    }
}
