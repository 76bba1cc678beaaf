import EventLoop

/// Issues the ballots of one proposer, each higher than the one before (rule C1). All parts of an instance that propose
/// share one generator: changes of keys, the configuration register and the rebuild.
final class BallotGenerator {
    /// 64 random bits, drawn at each start. So a restarted instance counts as another proposer.
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

    /// Skips far ahead of the ballot that preempted this proposer.
    ///
    /// A rival with a cached promise raises its counter every round, so `counter + 1` would be outdated before it is
    /// used. Skipped counters cost nothing.
    func fastForward(past ballot: Ballot) { counter = max(counter, ballot.counter + Self.fastForwardDistance) }

    private static let fastForwardDistance: UInt64 = 1 << 10
}
