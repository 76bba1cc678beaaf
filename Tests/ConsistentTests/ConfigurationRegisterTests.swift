import EventLoop
import Replication
import TestSupport
import Testing

@testable import Consistent

/// How the configuration in force is found (rule C8), on replicas that do as the test says.
@Suite struct ConfigurationRegisterTests {
    let scheduler = VirtualScheduler()
    let group: ScriptedGroup

    init() { group = ScriptedGroup(scheduler) }

    /// What a new instance finds, in so many looks.
    private func found(looks: Int = 1) throws -> Result<GroupConfiguration, StoreFailure> {
        try scheduler.run { [scheduler, group] in
            let proposer = Proposer(group: group, scheduler: scheduler, settings: ConsistentSettings())
            var result: Result<GroupConfiguration, StoreFailure>?
            for _ in 0..<looks {
                let deadlineNs = scheduler.nowNs + 1_000 * nsPerMs
                do throws(StoreFailure) {
                    result = .success(try await proposer.configurations.configuration(deadlineNs: deadlineNs))
                } catch { result = .failure(error) }
            }
            return result!
        }
    }

    private func configuration(epoch: UInt64, counted: Set<Int> = [0, 1, 2]) -> GroupConfiguration {
        GroupConfiguration(
            epoch: epoch,
            members: (0..<3).map {
                .init(
                    name: "g\($0 + 1)", incarnation: Bytes("incarnation-\($0 + 1)".utf8),
                    isCounted: counted.contains($0))
            })
    }

    @Test func anErrorIsNotTakenForABlankReplica() throws {
        group.fate = { _, replica in replica < 2 ? .refused(.error("LOADING the data set")) : .answered }
        guard case .failure(let failure) = try found() else {
            Issue.record("expected a refusal")
            return
        }
        #expect(failure.code == .noQuorum)
        #expect(failure.detail.contains("g1 answers 'LOADING the data set'"))
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

    @Test func aReplicaFromAnotherLifeOfTheGroupDoesNotHideTwoMembers() throws {
        // It carries the same names, as it would from before the group was made anew, and a higher epoch.
        let older = GroupConfiguration(
            epoch: 9,
            members: (1...3).map { .init(name: "g\($0)", incarnation: Bytes("older-\($0)".utf8), isCounted: true) })
        group.acceptors[0].incarnation = Bytes("older-1".utf8)
        group.acceptors[0].epoch = 9
        group.install(older, on: [0], Ballot(counter: 7, proposer: 9))
        #expect(try found() == .success(configuration(epoch: 1)))

        // And where what the two hold has to be finished first.
        group.install(configuration(epoch: 2, counted: [1, 2]), on: [2], Ballot(counter: 8, proposer: 9))
        #expect(try found(looks: 4) == .success(configuration(epoch: 2, counted: [1, 2])))
    }

    @Test func oneOfThreeThatVotesIsRebuilding() throws {
        group.acceptors[0].isBlank = true
        group.acceptors[1].state = "rebuilding"
        guard case .failure(let failure) = try found() else {
            Issue.record("expected a refusal")
            return
        }
        #expect(failure.code == .rebuilding)
        #expect(failure.detail.contains("g1 is blank, g2 is being rebuilt"))
    }

    @Test func aConfigurationAtAMinorityIsFinishedBeforeItIsUsed() throws {
        let ballot = Ballot(counter: 7, proposer: 9)
        group.install(configuration(epoch: 2, counted: [0, 1]), on: [0], ballot)
        group.available = [0, 1]
        guard case .failure = try found() else {
            Issue.record("it was used before it was chosen")
            return
        }
        #expect(try found(looks: 4) == .success(configuration(epoch: 2, counted: [0, 1])))
    }

    @Test func aRefusalTeachesTheBallotToPass() throws {
        group.install(configuration(epoch: 2, counted: [0, 1]), on: [0], Ballot(counter: 7, proposer: 9))
        group.available = [0, 1]
        // The first phase passes 7; 500 is promised to another between the two phases.
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
        #expect(try found(looks: 4) == .success(configuration(epoch: 2, counted: [0, 1])))
    }

    @Test func whereAllHoldTheNextConfigurationAtDifferentBallotsItIsFinishedAllTheSame() throws {
        // The announcement of a rebuild, cut short twice: the configuration of epoch 1, which is still in force, is nowhere
        // to be read any more. Found by simulation: the group was stuck for good.
        let next = configuration(epoch: 2, counted: [0, 1])
        group.install(next, on: [0], Ballot(counter: 92, proposer: 1))
        group.install(next, on: [1], Ballot(counter: 102, proposer: 2))
        group.acceptors[2].state = "rebuilding"
        #expect(try found(looks: 4) == .success(next))
    }

    @Test func whoWaitsForItWaitsUntilHisOwnDeadline() throws {
        group.fate = { _, _ in .silent }
        let startNs = scheduler.nowNs
        let waitedMs = try scheduler.run { [scheduler, group] in
            let proposer = Proposer(group: group, scheduler: scheduler, settings: ConsistentSettings())
            scheduler.spawn {
                _ = try? await proposer.configurations.configuration(deadlineNs: startNs + 400 * nsPerMs)
            }
            _ = try? await proposer.configurations.configuration(deadlineNs: startNs + 50 * nsPerMs)
            return (scheduler.nowNs - startNs) / nsPerMs
        }
        #expect(waitedMs == 50)
    }
}
