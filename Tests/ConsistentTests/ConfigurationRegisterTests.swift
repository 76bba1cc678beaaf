import EventLoop
import Replication
import TestSupport
import Testing

@testable import Consistent

/// How an instance finds the current configuration (rule C8), on scripted replicas.
@Suite(.timeLimit(.minutes(20))) struct ConfigurationRegisterTests {
    let scheduler = VirtualScheduler()
    let group: ScriptedGroup

    init() { group = ScriptedGroup(scheduler) }

    /// The configuration that a new instance finds after this many fetches.
    private func found(fetches: Int = 1) throws -> Result<GroupConfiguration, StoreFailure> {
        try scheduler.run { [scheduler, group] in
            let proposer = TestProposer(group, scheduler)
            var result: Result<GroupConfiguration, StoreFailure>?
            for _ in 0..<fetches {
                let deadlineNs = scheduler.nowNs + 1_000 * nsPerMs
                do throws(StoreFailure) {
                    result = .success(try await proposer.configurations.configuration(deadlineNs: deadlineNs))
                } catch { result = .failure(error) }
            }
            return result!
        }
    }

    private func configuration(epoch: UInt64, voters: Set<Int> = [0, 1, 2]) -> GroupConfiguration {
        GroupConfiguration(
            epoch: epoch,
            entries: (0..<3).map {
                .init(
                    name: "g\($0 + 1)", incarnation: Bytes("incarnation-\($0 + 1)".utf8),
                    isVoter: voters.contains($0))
            })
    }

    @Test func anErrorIsNotTakenForABlankReplica() throws {
        group.fate = { _, replica in replica < 2 ? .refused(.error("LOADING the data set")) : .answered }
        guard case .failure(let failure) = try found() else {
            Issue.record("expected a refusal")
            return
        }
        #expect(failure.code == .noQuorum)
        #expect(failure.detail.contains("g1 rejects commands: it is loading or busy"))
    }

    @Test func blankMeansFiveNulls() throws {
        for replica in 0..<3 { group.acceptors[replica].isBlank = true }
        guard case .failure(let failure) = try found() else {
            Issue.record("expected a refusal")
            return
        }
        #expect(failure.code == .replicasBlank)
        #expect(failure.detail.contains("app-cp init"))
    }

    @Test func aReplicaOfAnotherGroupIsNamed() throws {
        group.acceptors[0].group = Bytes("other".utf8)
        group.acceptors[1].group = Bytes("other".utf8)
        guard case .failure(let failure) = try found() else {
            Issue.record("expected a refusal")
            return
        }
        #expect(failure.code == .noQuorum)
        #expect(failure.detail.contains("g1 belongs to the group 'other'"))
    }

    @Test func aBlankReplicaThatAnswersFirstDoesNotHideTwoMembers() throws {
        group.acceptors[0].isBlank = true
        #expect(try found() == .success(configuration(epoch: 1)))
    }

    @Test func aReplicaOfAnEarlierGroupDoesNotHideTwoMembers() throws {
        // g1 returns from an earlier group. This group had the same names, and reached a higher epoch.
        let earlier = GroupConfiguration(
            epoch: 9,
            entries: (1...3).map { .init(name: "g\($0)", incarnation: Bytes("earlier-\($0)".utf8), isVoter: true) })
        group.acceptors[0].incarnation = Bytes("earlier-1".utf8)
        group.acceptors[0].epoch = 9
        group.install(earlier, on: [0], Ballot(counter: 7, proposer: 9))
        #expect(try found() == .success(configuration(epoch: 1)))

        // The same holds if a change of the configuration of g2 and g3 must first be completed.
        group.install(configuration(epoch: 2, voters: [1, 2]), on: [2], Ballot(counter: 8, proposer: 9))
        #expect(try found(fetches: 4) == .success(configuration(epoch: 2, voters: [1, 2])))
    }

    @Test func aSingleVoterOfThreeFailsAsRebuilding() throws {
        group.acceptors[0].isBlank = true
        group.acceptors[1].state = "rebuilding"
        guard case .failure(let failure) = try found() else {
            Issue.record("expected a refusal")
            return
        }
        #expect(failure.code == .rebuilding)
        #expect(failure.detail.contains("g1 is blank, g2 is being rebuilt"))
    }

    @Test func aConfigurationAtAMinorityIsCompletedBeforeItIsUsed() throws {
        let ballot = Ballot(counter: 7, proposer: 9)
        group.install(configuration(epoch: 2, voters: [0, 1]), on: [0], ballot)
        group.available = [0, 1]
        guard case .failure = try found() else {
            Issue.record("it was used before it was chosen")
            return
        }
        #expect(try found(fetches: 4) == .success(configuration(epoch: 2, voters: [0, 1])))
    }

    @Test func aRejectionTellsTheBallotToPass() throws {
        group.install(configuration(epoch: 2, voters: [0, 1]), on: [0], Ballot(counter: 7, proposer: 9))
        group.available = [0, 1]
        // The prepare passes the counter 7. Between prepare and accept, both replicas promise 500 to another proposer.
        var accepts = 0
        group.fate = { [group] what, replica in
            if what == "accept" {
                accepts += 1
                if accepts == 1 {
                    for each in 0..<2 {
                        group.acceptors[each].records[Register.configuration.redisKey]?.promise =
                            Ballot(counter: 500, proposer: 9)
                    }
                }
            }
            return .answered
        }
        #expect(try found(fetches: 4) == .success(configuration(epoch: 2, voters: [0, 1])))
    }

    @Test func theNextConfigurationIsCompletedEvenIfAllHoldItAtDifferentBallots() throws {
        // The announcement of a rebuild was interrupted twice: no replica holds the configuration of epoch 1 any more,
        // which is still in force. The simulation found that such a group did not recover.
        let next = configuration(epoch: 2, voters: [0, 1])
        group.install(next, on: [0], Ballot(counter: 92, proposer: 1))
        group.install(next, on: [1], Ballot(counter: 102, proposer: 2))
        group.acceptors[2].state = "rebuilding"
        #expect(try found(fetches: 4) == .success(next))
    }

    @Test func aRefreshWaitsForTheThirdReplyIfTwoDiffer() throws {
        group.install(configuration(epoch: 2, voters: [0, 1]), on: [0], Ballot(counter: 7, proposer: 9))
        try scheduler.run { [self] in
            let configurations = TestProposer(group, scheduler).configurations
            await configurations.refresh(completing: false, deadlineNs: scheduler.nowNs + 1_000 * nsPerMs)
            #expect(configurations.current == configuration(epoch: 1))
        }
        #expect(!group.log.contains { $0.hasPrefix("prepare") })
    }

    @Test func aRefreshNeverGoesBackToAnEarlierConfiguration() throws {
        let next = configuration(epoch: 2, voters: [0, 1])
        group.install(next, on: [0, 1], Ballot(counter: 7, proposer: 9))
        try scheduler.run { [self] in
            let configurations = TestProposer(group, scheduler).configurations
            func refresh() async {
                await configurations.refresh(completing: false, deadlineNs: scheduler.nowNs + 1_000 * nsPerMs)
            }
            await refresh()
            #expect(configurations.current == next)
            // Replies from before the change of the configuration.
            group.install(configuration(epoch: 1), on: [0, 1, 2], Ballot(counter: 1, proposer: 1))
            await refresh()
            #expect(configurations.current == next)
            // Replies that do not show any configuration to be chosen.
            for replica in 0..<3 {
                group.install(next, on: [replica], Ballot(counter: 10 + UInt64(replica), proposer: 1))
            }
            await refresh()
            #expect(configurations.current == next)
            configurations.invalidate(next)
            #expect(configurations.current == nil)
        }
    }

    @Test func fetchesDoNotOverlap() throws {
        try scheduler.run { [self] in
            let configurations = TestProposer(group, scheduler).configurations
            let deadlineNs = scheduler.nowNs + 1_000 * nsPerMs
            scheduler.spawn { await configurations.refresh(completing: true, deadlineNs: deadlineNs) }
            await configurations.refresh(completing: true, deadlineNs: deadlineNs)
            #expect(configurations.current == nil)
            let found = try await configurations.configuration(deadlineNs: deadlineNs)
            #expect(found == configuration(epoch: 1))
        }
        #expect(group.log.count == 3)
    }

    @Test func eachCallerWaitsUntilItsOwnDeadline() throws {
        group.fate = { _, _ in .silent }
        let startNs = scheduler.nowNs
        let waitedMs = try scheduler.run { [scheduler, group] in
            let proposer = TestProposer(group, scheduler)
            scheduler.spawn {
                _ = try? await proposer.configurations.configuration(deadlineNs: startNs + 400 * nsPerMs)
            }
            _ = try? await proposer.configurations.configuration(deadlineNs: startNs + 50 * nsPerMs)
            return (scheduler.nowNs - startNs) / nsPerMs
        }
        #expect(waitedMs == 50)
    }
}

@Suite(.timeLimit(.minutes(20))) struct ConfigurationTextTests {
    /// The next epoch would be no number any more, and the instance would end.
    @Test(arguments: ["18446744073709551615", "9223372036854775807", "4503599627370496", "-1", "x", ""])
    func anEpochWithoutANextOneIsRefused(epoch: String) {
        let text = Bytes("epoch=\(epoch) g1=a:voter g2=b:learner".utf8)
        #expect(GroupConfiguration(text: text, names: ["g1", "g2"]) == nil)
        let fields = ["cp", "g1", "a", "member", epoch].map { Reply.bulk(Bytes($0.utf8)) }
        #expect(ReplicaIdentity(fields: .array(fields)) == nil)
    }

    @Test func theHighestEpochHasANextOne() throws {
        let text = Bytes("epoch=4503599627370495 g1=a:voter g2=b:learner".utf8)
        let configuration = try #require(GroupConfiguration(text: text, names: ["g1", "g2"]))
        #expect(configuration.replacing(1, with: [], isVoter: true).epoch == 4_503_599_627_370_496)
    }
}
