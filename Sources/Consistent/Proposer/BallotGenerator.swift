import EventLoop

/// The ballots of one proposer, which only rise (rule C1). Shared by all that propose in one instance: changes of keys,
/// the configuration register and the rebuild.
final class BallotGenerator {
    /// 64 random bits, drawn at each start: a proposer that restarts is another proposer.
    let proposer: UInt64
    private var counter: UInt64 = 0

    init(scheduler: any Scheduler) { proposer = scheduler.randomBits() }

    /// A ballot above every ballot that was issued or observed before.
    func next() -> Ballot {
        counter += 1
        return Ballot(counter: counter, proposer: proposer)
    }

    /// Makes every later ballot higher than `ballot`.
    func observe(_ ballot: Ballot) { counter = max(counter, ballot.counter) }

    /// Skips well ahead of a ballot that preempted this proposer.
    ///
    /// A rival that holds a promise raises its counter every round, so `counter + 1` is stale before it is used.
    /// Counters cost nothing.
    func fastForward(past ballot: Ballot) { counter = max(counter, ballot.counter + Self.fastForwardDistance) }

    private static let fastForwardDistance: UInt64 = 1 << 10
}
