extension CircuitBreaker {
    /// The raw values are those of the metric `circuit_breaker_state`.
    public enum State: Int, Sendable, CaseIterable {
        /// Calls go through; failures in a row are counted.
        case closed = 0
        /// A few trial calls go through, the rest is turned away.
        case halfOpen = 1
        /// Calls are turned away until the open period is over.
        case open = 2

        /// As written in logs and answers: `CLOSED`, `HALF_OPEN`, `OPEN`.
        public var name: String {
            switch self {
            case .closed: "CLOSED"
            case .halfOpen: "HALF_OPEN"
            case .open: "OPEN"
            }
        }
    }

    /// A change of state, for the log and the counters.
    public struct Transition: Sendable, Equatable {
        public let from: State
        public let to: State
        /// Monotonic nanoseconds, the caller's clock.
        public let atNs: UInt64
        /// Failures in a row when it happened.
        public let consecutiveFailures: Int
    }

    /// What the breaker goes by. The defaults suit a replica that answers within milliseconds.
    public struct Settings: Sendable, Equatable {
        /// Failures in a row that open a closed breaker, 1 to 1,000,000. One success in between starts the count
        /// again. Low: trips on a hiccup. High: every request pays a timeout for longer.
        public var failureThreshold: Int
        /// The first open period in milliseconds, 1 to a day. No call is made while it lasts. It doubles for each time
        /// in a row that the trials fail.
        public var openForMs: UInt64
        /// The longest open period in milliseconds, `openForMs` to a day: how late a healed replica may be noticed.
        public var maxOpenForMs: UInt64
        /// Up to this share of a period, in percent, is taken off at random, 0 to 100, so that instances do not all try
        /// a replica at the same moment. 0 makes periods exact.
        public var jitterPercent: UInt64
        /// Trial calls under way at once while half open, 1 to 1,000,000.
        public var halfOpenTrials: Int
        /// Trials in a row that must work before the breaker closes, 1 to 1,000,000.
        public var successThreshold: Int
        /// Trials without any result after this time, in milliseconds, are given up as lost and others let through, 1
        /// to a day. Longer than any call's deadline. So a caller that loses a call cannot hold the breaker half open
        /// for ever.
        public var trialTimeoutMs: UInt64

        /// - Precondition: every value within the bounds told at its declaration.
        public init(
            failureThreshold: Int = 5,
            openForMs: UInt64 = 500,
            maxOpenForMs: UInt64 = 5_000,
            jitterPercent: UInt64 = 20,
            halfOpenTrials: Int = 1,
            successThreshold: Int = 1,
            trialTimeoutMs: UInt64 = 10_000
        ) {
            let dayMs: UInt64 = 86_400_000
            precondition((1...1_000_000).contains(failureThreshold), "failureThreshold must be 1 to 1,000,000")
            precondition((1...dayMs).contains(openForMs), "openForMs must be 1 ms to a day")
            precondition((openForMs...dayMs).contains(maxOpenForMs), "maxOpenForMs must be openForMs to a day")
            precondition(jitterPercent <= 100, "jitterPercent must be 0 to 100")
            precondition((1...1_000_000).contains(halfOpenTrials), "halfOpenTrials must be 1 to 1,000,000")
            precondition((1...1_000_000).contains(successThreshold), "successThreshold must be 1 to 1,000,000")
            precondition((1...dayMs).contains(trialTimeoutMs), "trialTimeoutMs must be 1 ms to a day")
            self.failureThreshold = failureThreshold
            self.openForMs = openForMs
            self.maxOpenForMs = maxOpenForMs
            self.jitterPercent = jitterPercent
            self.halfOpenTrials = halfOpenTrials
            self.successThreshold = successThreshold
            self.trialTimeoutMs = trialTimeoutMs
        }

        /// The open period after `openedInARow` earlier ones, in milliseconds, jitter taken off, at least 1.
        func openPeriodMs(openedInARow: Int, randomBits: UInt64) -> UInt64 {
            // A day in milliseconds has 27 bits, so a shift by at most 27 neither overflows nor falls short of the cap.
            let fullMs = min(maxOpenForMs, openForMs << UInt64(min(openedInARow, 27)))
            let leastMs = max(1, fullMs - fullMs * jitterPercent / 100)
            return Jitter.pick(from: leastMs, through: fullMs, randomBits: randomBits)
        }
    }
}
