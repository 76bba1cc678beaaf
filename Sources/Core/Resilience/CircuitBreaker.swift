/// Stops calls to a replica that fails, and tries it again with a few trial calls (Nygard, *Release It!*, chapter 5).
///
/// A value without clock, randomness or lock: time is passed in as monotonic nanoseconds, so that a test needs no
/// sleeping, and whoever owns it logs the ``Transition`` that it returns.
///
/// ```swift
/// if let change = breaker.advance(nowNs: now) { report(change) }
/// guard breaker.allows(nowNs: now) else { return .refused }
/// let generation = breaker.generation                     // travels with the call
/// ...
/// let change = breaker.recordFailure(nowNs: later, generation: generation, randomBits: generator.next())
/// ```
///
/// Each call that ``allows(nowNs:)`` let through must end in exactly one of ``recordSuccess(nowNs:generation:)``,
/// ``recordFailure(nowNs:generation:randomBits:)`` and ``recordIgnored(generation:)``.
public struct CircuitBreaker: Sendable {
    public let settings: Settings

    public private(set) var state: State = .closed
    /// Rises at each change of state. A call keeps the one it began under; a result of another generation is counted
    /// in ``staleTotal`` and nowhere else: what was sent before the breaker opened says nothing about the replica now.
    public private(set) var generation: UInt32 = 0

    /// Failures since the last success of the present generation.
    public private(set) var consecutiveFailures = 0
    /// Successes since the last failure of the present generation.
    public private(set) var consecutiveSuccesses = 0
    /// Trial calls let through while half open whose result is not known yet.
    public private(set) var trialsInFlight = 0

    public private(set) var successesTotal: UInt64 = 0
    public private(set) var failuresTotal: UInt64 = 0
    /// Calls that ``allows(nowNs:)`` turned away.
    public private(set) var refusedTotal: UInt64 = 0
    /// Results that came too late to count.
    public private(set) var staleTotal: UInt64 = 0
    /// Times the breaker opened, failed trials included.
    public private(set) var openedTotal: UInt64 = 0

    /// The latest change of state; nil while there was none.
    public private(set) var lastTransition: Transition?
    /// While open: when trial calls begin. Nil otherwise.
    public private(set) var retryAtNs: UInt64?

    /// Open periods in a row without the breaker closing in between; the exponent of the next period.
    private var openedInARow = 0
    private var lastTrialNs: UInt64 = 0

    public init(settings: Settings = Settings()) {
        self.settings = settings
    }

    /// Whether a call would be let through now. Changes nothing: for choosing among replicas.
    public func wouldAllow(nowNs: UInt64) -> Bool {
        switch state {
        case .closed: true
        case .open: isDue(nowNs: nowNs)
        case .halfOpen: trialsInFlight < settings.halfOpenTrials || areTrialsLost(nowNs: nowNs)
        }
    }

    /// Goes from open to half open once the open period is over. ``allows(nowNs:)`` does it as well; call this before
    /// (or from a timer at ``retryAtNs``) to hear of the change.
    public mutating func advance(nowNs: UInt64) -> Transition? {
        guard state == .open, isDue(nowNs: nowNs) else { return nil }
        return move(to: .halfOpen, nowNs: nowNs)
    }

    /// Whether a call may be made now. While half open, true takes one of the trial slots.
    public mutating func allows(nowNs: UInt64) -> Bool {
        _ = advance(nowNs: nowNs)
        switch state {
        case .closed:
            return true
        case .open:
            refusedTotal += 1
            return false
        case .halfOpen:
            if trialsInFlight >= settings.halfOpenTrials {
                guard areTrialsLost(nowNs: nowNs) else {
                    refusedTotal += 1
                    return false
                }
                // Their results, should they still come, are of an older generation.
                generation &+= 1
                trialsInFlight = 0
            }
            trialsInFlight += 1
            lastTrialNs = nowNs
            return true
        }
    }

    /// The call worked. Closes a half open breaker after `successThreshold` in a row.
    @discardableResult
    public mutating func recordSuccess(nowNs: UInt64, generation: UInt32) -> Transition? {
        guard takeResult(of: generation) else { return nil }
        successesTotal += 1
        consecutiveSuccesses += 1
        consecutiveFailures = 0
        guard state == .halfOpen, consecutiveSuccesses >= settings.successThreshold else { return nil }
        return move(to: .closed, nowNs: nowNs)
    }

    /// The call failed in a way that speaks against the replica (refused, reset, timed out; not: an answer that says
    /// no). Opens a closed breaker after `failureThreshold` in a row, and a half open one at once.
    /// - Parameter randomBits: 64 fresh random bits, the jitter of the open period.
    @discardableResult
    public mutating func recordFailure(nowNs: UInt64, generation: UInt32, randomBits: UInt64) -> Transition? {
        guard takeResult(of: generation) else { return nil }
        failuresTotal += 1
        consecutiveFailures += 1
        consecutiveSuccesses = 0
        guard state == .halfOpen || consecutiveFailures >= settings.failureThreshold else { return nil }
        let periodMs = settings.openPeriodMs(openedInARow: openedInARow, randomBits: randomBits)
        openedInARow += 1
        openedTotal += 1
        let transition = move(to: .open, nowNs: nowNs)
        retryAtNs = nowNs + periodMs * 1_000_000
        return transition
    }

    /// The call was let through but never made, or its result says nothing about the replica: gives its trial slot
    /// back.
    public mutating func recordIgnored(generation: UInt32) {
        _ = takeResult(of: generation)
    }

    /// Whether a result of that generation still counts; gives the trial slot back.
    private mutating func takeResult(of generation: UInt32) -> Bool {
        guard generation == self.generation, state != .open else {
            staleTotal += 1
            return false
        }
        if state == .halfOpen { trialsInFlight = max(0, trialsInFlight - 1) }
        return true
    }

    private mutating func move(to next: State, nowNs: UInt64) -> Transition {
        let transition = Transition(from: state, to: next, atNs: nowNs, consecutiveFailures: consecutiveFailures)
        state = next
        generation &+= 1
        trialsInFlight = 0
        retryAtNs = nil
        consecutiveSuccesses = 0
        if next == .closed { openedInARow = 0 }
        // Kept while open and half open: an operator reads there how it came to be open.
        if next == .closed { consecutiveFailures = 0 }
        lastTransition = transition
        return transition
    }

    private func isDue(nowNs: UInt64) -> Bool {
        guard let retryAtNs else { return false }
        return nowNs >= retryAtNs
    }

    /// All slots are taken and no trial began for a while: their results will not come.
    private func areTrialsLost(nowNs: UInt64) -> Bool {
        nowNs >= lastTrialNs + settings.trialTimeoutMs * 1_000_000
    }
}
