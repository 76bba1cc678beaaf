/// Stops calls to a failing replica, and probes it with a few trial calls (Nygard, *Release It!*, chapter 5).
///
/// A breaker is a value without a clock, randomness or a lock. The caller passes the time in monotonic nanoseconds, so
/// tests need not sleep. The caller also logs each ``Transition`` that is returned.
///
/// ```swift
/// if let change = breaker.advance(nowNs: now) { report(change) }
/// guard breaker.allows(nowNs: now) else { return .refused }
/// let generation = breaker.generation                     // kept with the call
/// ...
/// let change = breaker.recordFailure(nowNs: later, generation: generation, randomBits: generator.next())
/// ```
///
/// Each call that ``allows(nowNs:)`` let through ends in exactly one of ``recordSuccess(nowNs:generation:)`` and
/// ``recordFailure(nowNs:generation:randomBits:)``.
public struct CircuitBreaker: Sendable {
    public let settings: Settings

    public private(set) var state: State = .closed
    /// Rises at each change of state, and when trials are considered lost. A call keeps the generation it began under.
    /// A result of another generation is ignored: the result of a command sent before the breaker opened does not show
    /// whether the replica works now.
    public private(set) var generation: UInt32 = 0

    /// Failures in a row. A success resets the count, and so does a change to closed.
    public private(set) var consecutiveFailures = 0
    private(set) var trials = Trials()
    /// Consecutive open periods without the breaker closing in between; the exponent of the next period.
    private var consecutiveOpenings = 0

    public private(set) var totals = Totals()
    /// The latest change of state; nil before the first.
    public private(set) var lastTransition: Transition?
    /// While open: when trial calls begin. Nil otherwise.
    public private(set) var retryAtNs: UInt64?

    /// Calls that were let through while half open.
    struct Trials {
        /// Trial calls without a result so far.
        var inFlight = 0
        var consecutiveSuccesses = 0
        var lastNs: UInt64 = 0
    }

    public init(settings: Settings = Settings()) {
        self.settings = settings
    }

    /// Moves from open to half open once the open period is over. ``allows(nowNs:)`` does the same; call this before it
    /// (or from a timer at ``retryAtNs``) to get the transition.
    public mutating func advance(nowNs: UInt64) -> Transition? {
        guard state == .open, let retryAtNs, nowNs >= retryAtNs else { return nil }
        return move(to: .halfOpen, nowNs: nowNs)
    }

    /// Whether a call may be made now. While half open, true uses one of the trial slots.
    public mutating func allows(nowNs: UInt64) -> Bool {
        _ = advance(nowNs: nowNs)
        switch state {
        case .closed:
            return true
        case .open:
            return false
        case .halfOpen:
            if trials.inFlight >= settings.halfOpenTrials {
                guard areTrialsLost(nowNs: nowNs) else { return false }
                // Late results of the lost trials now belong to an older generation and are ignored.
                generation &+= 1
                trials.inFlight = 0
            }
            trials.inFlight += 1
            trials.lastNs = nowNs
            return true
        }
    }

    /// The call succeeded. Closes a half open breaker after `successThreshold` consecutive successes.
    @discardableResult
    public mutating func recordSuccess(nowNs: UInt64, generation: UInt32) -> Transition? {
        guard countResult(of: generation) else { return nil }
        totals.successes += 1
        consecutiveFailures = 0
        guard state == .halfOpen else { return nil }
        trials.consecutiveSuccesses += 1
        guard trials.consecutiveSuccesses >= settings.successThreshold else { return nil }
        return move(to: .closed, nowNs: nowNs)
    }

    /// The call failed because of the replica: it refused the connection, reset it, timed out, or replied that it can
    /// serve no command. Any other reply that rejects a command is not a failure. Opens a closed breaker after
    /// `failureThreshold` consecutive failures, and a half open one at once.
    /// - Parameter randomBits: 64 fresh random bits, the jitter of the open period.
    @discardableResult
    public mutating func recordFailure(nowNs: UInt64, generation: UInt32, randomBits: UInt64) -> Transition? {
        guard countResult(of: generation) else { return nil }
        totals.failures += 1
        consecutiveFailures += 1
        trials.consecutiveSuccesses = 0
        guard state == .halfOpen || consecutiveFailures >= settings.failureThreshold else { return nil }
        let periodMs = settings.openPeriodMs(after: consecutiveOpenings, randomBits: randomBits)
        consecutiveOpenings += 1
        totals.opened += 1
        let transition = move(to: .open, nowNs: nowNs)
        retryAtNs = nowNs + periodMs * 1_000_000
        return transition
    }

    /// True if the result of a call counts, because the call began under the current generation. Also frees its trial
    /// slot.
    private mutating func countResult(of generation: UInt32) -> Bool {
        guard generation == self.generation, state != .open else { return false }
        if state == .halfOpen { trials.inFlight = max(0, trials.inFlight - 1) }
        return true
    }

    private mutating func move(to next: State, nowNs: UInt64) -> Transition {
        let transition = Transition(from: state, to: next, atNs: nowNs, consecutiveFailures: consecutiveFailures)
        state = next
        generation &+= 1
        trials = Trials(lastNs: trials.lastNs)
        retryAtNs = nil
        if next == .closed {
            consecutiveOpenings = 0
            // The count is kept until the breaker closes, to show operators why it opened.
            consecutiveFailures = 0
        }
        lastTransition = transition
        return transition
    }

    /// True if no trial has begun for `trialTimeoutMs`. If all slots are also occupied, the results of these trials are
    /// considered lost.
    private func areTrialsLost(nowNs: UInt64) -> Bool {
        nowNs >= trials.lastNs + settings.trialTimeoutMs * 1_000_000
    }
}
