import DequeModule
import EventLoop
import Replication

/// A CASPaxos proposer (Rystsov, *CASPaxos: Replicated State Machines without logs*, arXiv 1802.07000): gets changes of
/// registers chosen by a majority of acceptors.
///
/// The changes of one register queue up and go as one batch a round, one batch at a time; different registers are
/// independent. No leader, so no gap when a replica or a proposer goes.
final class Proposer {
    /// 64 random bits, drawn at each start: a proposer that restarts is another one (rule C1).
    let id: UInt64

    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let groupName: Bytes
    private let settings: ConsistentSettings
    private(set) var configurations: ConfigurationRegister! = nil

    private var counter: UInt64 = 0
    private var lastBatchNumber: UInt64 = 0
    private var queues: [Register: Deque<PendingOperation>] = [:]
    private var pendingCount = 0
    /// When replicas last took a round, or refused it for a higher ballot.
    private var lastAnswerNs: UInt64 = 0
    private var cache = StateCache()
    private var contention = Contention()
    private var context: RoundContext?
    private(set) var counts = ConsistentCounts()
    /// Hears of registers that background work should look at: tombstones, and those whose accept a replica missed.
    var needsUpkeep: (Register) -> Void = { _ in }

    init(group: any ReplicaGroup, scheduler: any Scheduler, settings: ConsistentSettings) {
        self.group = group
        self.scheduler = scheduler
        self.settings = settings
        groupName = Bytes(settings.groupName.utf8)
        id = scheduler.randomBits()
        configurations = ConfigurationRegister(
            group: group, scheduler: scheduler, groupName: groupName,
            nextBallot: { [unowned self] in nextBallot() }, sawBallot: { [unowned self] in saw($0) })
    }

    var quorum: Int { Quorum.majority(of: group.replicaCount) }

    // MARK: Ballots

    func nextBallot() -> Ballot {
        counter += 1
        return Ballot(counter: counter, proposer: id)
    }

    func saw(_ ballot: Ballot) { counter = max(counter, ballot.counter) }

    /// Who writes by a promise counts up with every round, a thousand times a second: the next ballot of one who comes too late
    /// with a number right above is too low again. Numbers cost nothing.
    func leap(over higher: Ballot) { counter = max(counter, higher.counter + Self.leapLength) }

    private static let leapLength: UInt64 = 1 << 10

    // MARK: Queueing

    /// Gets `operation` done and its answer chosen.
    func submit(_ operation: Operation, on register: Register, deadlineNs: UInt64) async -> PendingOperation.Answer {
        guard group.available.count >= quorum else {
            counts.quorumFailures += 1
            return .failure(Self.noQuorum(outcome: .notApplied))
        }
        guard pendingCount < settings.maxPending else {
            return .failure(StoreFailure(.overloaded, "too many changes are waiting", outcome: .notApplied))
        }
        let pending = PendingOperation(operation, deadlineNs: deadlineNs) { [unowned self] in
            whyNothingHappened()
        }
        pendingCount += 1
        let answer = await run(pending, on: register)
        pendingCount -= 1
        if case .failure(let failure) = answer, failure.code == .noQuorum { counts.quorumFailures += 1 }
        return answer
    }

    /// Where nothing of the register is under way and all is known, the caller's own task does the work: a task fewer. What
    /// queued up meanwhile is left to a worker.
    private func run(_ pending: PendingOperation, on register: Register) async -> PendingOperation.Answer {
        guard queues[register] == nil else {
            queues[register]?.append(pending)
            return await pending.wait(scheduler: scheduler)
        }
        guard configurations.current != nil else {
            queues[register] = [pending]
            scheduler.spawn { await self.work(on: register) }
            return await pending.wait(scheduler: scheduler)
        }
        queues[register] = []
        scheduler.schedule(pending, atNs: pending.deadlineNs)
        await run(nextBatch([pending]), on: register)
        if queues[register]?.isEmpty == true {
            queues[register] = nil
        } else {
            scheduler.spawn { await self.work(on: register) }
        }
        return pending.answer!
    }

    private func nextBatch(_ operations: [PendingOperation]) -> Batch {
        lastBatchNumber += 1
        return Batch(number: lastBatchNumber, operations: operations)
    }

    /// An operation ran out of time before any round of it ended. Where some round did lately, others were in its way.
    private func whyNothingHappened() -> StoreFailure {
        if lastAnswerNs > 0, scheduler.nowNs - lastAnswerNs < Self.recentNs {
            return StoreFailure(.timeout, "other changes of this key took all the time there was")
        }
        return Self.noQuorum(outcome: nil)
    }

    private static let recentNs = 100 * nsPerMs

    private static let undecidable = StoreFailure(
        .timeout, "too many other writers: what became of the change cannot be told")

    static func noQuorum(outcome: Outcome?) -> StoreFailure {
        StoreFailure(.noQuorum, "a majority of the replicas cannot be reached", outcome: outcome)
    }

    /// Runs batches of one register until its queue is empty.
    private func work(on register: Register) async {
        while let queue = queues[register], !queue.isEmpty {
            let taken = Array(queue.prefix(settings.maxBatch))
            queues[register]?.removeFirst(taken.count)
            await run(nextBatch(taken), on: register)
        }
        queues[register] = nil
    }

    func countQuorumFailure() { counts.quorumFailures += 1 }

    // MARK: One batch

    private func run(_ batch: Batch, on register: Register) async {
        var failures: UInt64 = 0
        while true {
            // No operation of the batch outlives its deadline, so this ends.
            guard let deadlineNs = batch.lastDeadlineNs else { return }
            switch await attempt(batch, on: register, deadlineNs: deadlineNs) {
            case .done: return
            case .outbid:
                contention.wasOutbid(on: register, within: windowRangeNs, nowNs: scheduler.nowNs)
                failures = 0
                await keepOff(register, deadlineNs: deadlineNs)
            case .again:
                failures += 1
                await backOff(failures, deadlineNs: deadlineNs)
            }
        }
    }

    private enum AttemptEnd {
        case done
        /// Somebody else was quicker: to be tried again when he is through.
        case outbid
        /// To be tried again.
        case again
    }

    private func attempt(_ batch: Batch, on register: Register, deadlineNs: UInt64) async -> AttemptEnd {
        guard group.available.count >= quorum else {
            batch.failWhatIsCertain(Self.noQuorum(outcome: nil))
            return .again
        }
        let configuration: GroupConfiguration
        do {
            configuration = try await configurations.configuration(deadlineNs: deadlineNs)
        } catch {
            // Blank replicas stay blank; anything else may pass before the deadline.
            if error.code == .noQuorum { batch.lastFailure = error } else { batch.failWhatIsCertain(error) }
            return .again
        }
        let context = roundContext(under: configuration)
        // Removed before its accept is sent and put back only after a majority took it (rule C5).
        let ballot: Ballot
        let state: RegisterState
        let cached = cache.take(register)
        if let cached {
            (ballot, state) = (cached.ballot, cached.state)
        } else {
            ballot = nextBallot()
            counts.prepares += 1
            switch await Round.prepare(register, ballot, in: context, deadlineNs: deadlineNs) {
            case .success(let found):
                state = found.state
                contention.hasPrepared(on: register, isOvertaking: found.ballot.proposer == id, within: windowRangeNs)
            case .failure(let refusal):
                if case .outbid(let higher) = refusal { leap(over: higher) }
                return handle(refusal, of: batch, configuration)
            }
        }
        switch batch.step(on: state, proposer: id, nowMs: scheduler.wallClockMs) {
        case .undecidable:
            // A late answer may still tell.
            batch.lastFailure = Self.undecidable
            guard !batch.mayHearMore else { return .again }
            batch.failAll(Self.undecidable)
            return .done
        case .finish(let next, let results):
            return await accept(next, ballot, results, of: batch, isChanged: false, register, context, deadlineNs)
        case .attempt(let next, let results, let isChanged):
            if results.isEmpty, !batch.wasSent { return .done }
            return await accept(next, ballot, results, of: batch, isChanged: isChanged, register, context, deadlineNs)
        }
    }

    private func roundContext(under configuration: GroupConfiguration) -> RoundContext {
        if let context, context.configuration == configuration { return context }
        // No promise outlives its configuration (rule C8). Epochs alone do not tell: those of a group that was made anew
        // begin again.
        cache.removeAll()
        let made = RoundContext(
            group: group, scheduler: scheduler,
            commands: AcceptorCommands(group: groupName, configuration: configuration), quorum: quorum)
        context = made
        return made
    }

    private func accept(
        _ state: RegisterState, _ ballot: Ballot,
        _ results: [(operation: PendingOperation, result: OperationResult)], of batch: Batch, isChanged: Bool,
        _ register: Register, _ context: RoundContext, _ deadlineNs: UInt64
    ) async -> AttemptEnd {
        saw(ballot.next)
        counts.accepts += 1
        let round = Round.accept(register, ballot, state, in: context, deadlineNs: deadlineNs)
        if isChanged { batch.didSend(round, carrying: results.map(\.operation)) }
        switch await round.accepted() {
        case .success(let acks):
            lastAnswerNs = scheduler.nowNs
            // Where another configuration is in use by now, its promises are not these. And a tombstone may be collected: what
            // is above the floor of one replica and below those of the others then runs there alone, and nobody can say whether
            // it is in.
            if self.context?.configuration == context.configuration, !state.isDeleted {
                cache.put(StateCache.Entry(ballot: ballot.next, state: state), for: register)
            }
            for (operation, result) in results { operation.finish(.success((result, acks))) }
            if state.isDeleted || round.isMissed(by: group.available) { needsUpkeep(register) }
            return .done
        case .failure(let refusal): return handle(refusal, of: batch, context.configuration)
        }
    }

    private func handle(
        _ refusal: RoundRefusal, of batch: Batch, _ configuration: GroupConfiguration
    ) -> AttemptEnd {
        switch refusal {
        case .outbid(let ballot):
            lastAnswerNs = scheduler.nowNs
            counts.outbids += 1
            saw(ballot)
            batch.lastFailure = StoreFailure(.timeout, "other instances were writing this key all the time")
            return .outbid
        case .otherConfiguration:
            configurations.contradict(configuration)
            batch.lastFailure = StoreFailure(.noQuorum, "the group's configuration was changing")
        case .noMajority:
            batch.lastFailure = Self.noQuorum(outcome: nil)
        case .overloaded:
            batch.failWhatIsCertain(StoreFailure(.overloaded, "the replicas have too many commands unanswered"))
        case .noScript:
            batch.lastFailure = StoreFailure(.noQuorum, "the replicas are loading their scripts")
        case .failed(let text):
            batch.failWhatIsCertain(
                StoreFailure(StoreFailure.Code(ofServerError: text), "a replica answered: \(text)"))
        }
        return .again
    }

    // MARK: Pauses

    /// Lets others end what they have begun, before an attempt that would overtake them: drawn at random, so that rivals part
    /// ways.
    private func keepOff(_ register: Register, deadlineNs: UInt64) async {
        await pause(upToNs: contention.windowNs(register, nowNs: scheduler.nowNs), deadlineNs: deadlineNs)
    }

    /// From what a rival needs between its two round trips.
    private var windowRangeNs: ClosedRange<UInt64> {
        let timesNs = group.available.map { min(group.latencyNs($0), 100 * nsPerMs) }.sorted()
        let roundNs = timesNs.isEmpty ? 0 : timesNs[min(quorum, timesNs.count) - 1]
        let mostNs = max(settings.maxBackoffMs, 1) * nsPerMs
        return min(max(2 * roundNs, 1 * nsPerMs), mostNs)...mostNs
    }

    /// Between attempts that found no majority.
    private func backOff(_ failures: UInt64, deadlineNs: UInt64) async {
        let longestMs = min(UInt64(1) << min(failures, 6), settings.maxBackoffMs)
        await pause(upToNs: longestMs * nsPerMs, deadlineNs: deadlineNs)
    }

    private func pause(upToNs longestNs: UInt64, deadlineNs: UInt64) async {
        let delayNs = scheduler.random(in: 0...longestNs)
        await scheduler.sleep(forNs: min(delayNs, deadlineNs &- min(scheduler.nowNs, deadlineNs)))
    }
}
