extension CircuitBreaker {
    /// The state of a circuit breaker. The raw values are those of the metric `circuit_breaker_state`.
    public enum State: Int, Sendable, CaseIterable {
        /// Calls go through; consecutive failures are counted.
        case closed = 0
        /// A few trial calls go through; all others are refused.
        case halfOpen = 1
        /// Calls are refused until the open period is over.
        case open = 2

        /// The name in logs and responses: `CLOSED`, `HALF_OPEN`, `OPEN`.
        public var name: String {
            switch self {
            case .closed: "CLOSED"
            case .halfOpen: "HALF_OPEN"
            case .open: "OPEN"
            }
        }
    }

    /// Counters since the start.
    public struct Totals: Sendable, Equatable {
        public internal(set) var successes: UInt64 = 0
        public internal(set) var failures: UInt64 = 0
        /// Transitions to open, including those after a failed trial.
        public internal(set) var opened: UInt64 = 0
    }

    /// A change of state, for the log and the counters.
    public struct Transition: Sendable, Equatable {
        public let from: State
        public let to: State
        /// When the state changed, in nanoseconds of the caller's monotonic clock.
        public let atNs: UInt64
        /// How many failures in a row there were when the state changed.
        public let consecutiveFailures: Int
    }
}
