import EventLoop
import Replication

/// When a request that no replica could answer is tried once more: its client waits anyway, and what is wrong may pass.
extension AvailableEngine {
    struct ReadFailure: Error {
        var failure: AvailableFailure
        /// Some replica has just been recognised as another one than before: a little later it can be asked.
        var isTransient = false
    }

    /// Calls `attempt` until it answers, fails for good, or it is too late.
    func tryingAgain<Answer>(
        until deadlineNs: UInt64, _ attempt: () async throws(ReadFailure) -> Answer
    ) async throws(AvailableFailure) -> Answer {
        var round = 0
        while true {
            let failure: ReadFailure
            do {
                return try await attempt()
            } catch {
                failure = error
            }
            round += 1
            guard await mayGoOn(round: round, isTransient: failure.isTransient, deadlineNs) else {
                throw failure.failure
            }
        }
    }

    /// Waits a moment; false where another round is of no use or comes too late.
    ///
    /// - Parameter isTransient: the reason passes in a few rounds. While all connections are down for a moment, there may be
    ///   many more.
    func mayGoOn(round: Int, isTransient: Bool, _ deadlineNs: UInt64) async -> Bool {
        guard (isTransient && round < Self.maxTransientRounds) || isBetweenConnections, round < Self.maxRounds,
            scheduler.nowNs + Self.pauseNs < deadlineNs
        else { return false }
        await scheduler.sleep(forNs: Self.pauseNs)
        return true
    }

    private static var pauseNs: UInt64 { 15 * nsPerMs }
    private static var maxTransientRounds: Int { 12 }
    /// Enough for the longest flap.
    private static var maxRounds: Int { 200 }
}
