import EventLoop
import Replication

/// Why one attempt at a request failed.
struct AttemptFailure: Error {
    var failure: AvailableFailure
    /// True if the reason soon passes, e.g. because the replica is being admitted again.
    var isTransient = false
}

/// Decides whether and when a request is tried again after no replica could answer it. The cause is often brief, such
/// as a reconnect, and over before the client's deadline.
struct RetryPolicy {
    let environment: Environment
    let selector: ReplicaSelector

    private static let pauseNs = 15 * nsPerMs
    private static let maxTransientRounds = 12
    /// Enough for the longest interruption that ``ReplicaSelector/isBetweenConnections`` waits for.
    private static let maxRounds = 200

    /// Calls `attempt` until it succeeds, fails for a lasting reason, or the deadline is near.
    func retrying<Answer>(
        untilNs deadlineNs: UInt64, _ attempt: () async throws(AttemptFailure) -> Answer
    ) async throws(AvailableFailure) -> Answer {
        var round = 0
        while true {
            let failure: AttemptFailure
            do {
                return try await attempt()
            } catch {
                failure = error
            }
            round += 1
            guard await mayRetry(round: round, isTransient: failure.isTransient, deadlineNs) else {
                throw failure.failure
            }
        }
    }

    /// Waits a moment before the next round. Returns false if another round is useless or too late.
    ///
    /// - Parameter isTransient: true if the reason passes within a few rounds. Many more rounds are allowed while all
    ///   connections are interrupted.
    func mayRetry(round: Int, isTransient: Bool, _ deadlineNs: UInt64) async -> Bool {
        let isWorthIt = (isTransient && round < Self.maxTransientRounds) || selector.isBetweenConnections
        guard isWorthIt, round < Self.maxRounds, environment.nowNs + Self.pauseNs < deadlineNs else { return false }
        await environment.scheduler.sleep(forNs: Self.pauseNs)
        return true
    }
}
