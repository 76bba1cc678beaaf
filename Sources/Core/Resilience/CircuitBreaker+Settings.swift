extension CircuitBreaker {
    /// The defaults suit a replica that replies within milliseconds.
    public struct Settings: Sendable, Equatable {
        /// Consecutive failures that open a closed breaker, 1 to 1,000,000. A success resets the count. If this is too
        /// low, a short disturbance opens the breaker. If it is too high, requests wait longer for timeouts.
        public var failureThreshold: Int
        /// The first open period in milliseconds, 1 to a day. No call is made in this period. The period doubles each
        /// time that the trials fail.
        public var openForMs: UInt64
        /// The longest open period in milliseconds, `openForMs` to a day. A failed replica is tried again after at most
        /// this time.
        public var maxOpenForMs: UInt64
        /// Each period is shortened at random by up to this share, in percent, 0 to 100. So instances do not all try a
        /// replica at the same time.
        public var jitterPercent: UInt64
        /// The most concurrent trial calls while half open, 1 to 1,000,000.
        public var halfOpenTrials: Int
        /// Consecutive trials that must succeed before the breaker closes, 1 to 1,000,000.
        public var successThreshold: Int
        /// The time after which trials without a result are considered lost and others are let through, in
        /// milliseconds, 1 to a day. Otherwise a caller that never reports a result would keep the breaker half open
        /// for ever. Must be longer than any call's deadline.
        public var trialTimeoutMs: UInt64

        /// - Precondition: every value is within the bounds of its declaration.
        public init(
            failureThreshold: Int = 5,
            openForMs: UInt64 = 250,
            maxOpenForMs: UInt64 = 1_000,
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

        /// The next open period in milliseconds, if `openings` open periods passed since the breaker was last closed.
        /// Shortened by jitter, and at least 1.
        func openPeriodMs(after openings: Int, randomBits: UInt64) -> UInt64 {
            // A day in milliseconds has 27 bits: a shift by at most 27 does not overflow and reaches the maximum.
            let fullMs = min(maxOpenForMs, openForMs << UInt64(min(openings, 27)))
            let leastMs = max(1, fullMs - fullMs * jitterPercent / 100)
            return Jitter.pick(from: leastMs, through: fullMs, randomBits: randomBits)
        }
    }
}
