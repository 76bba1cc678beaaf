extension CircuitBreaker {
    /// The raw values are those of the metric `circuit_breaker_state`.
    public enum State: Int, Sendable, CaseIterable {
        /// Calls go through; consecutive failures are counted.
        case closed = 0
        /// A few trial calls go through; the rest is refused.
        case halfOpen = 1
        /// Calls are refused until the open period is over.
        case open = 2

        /// As in logs and responses: `CLOSED`, `HALF_OPEN`, `OPEN`.
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
        /// Transitions to open, failed trials included.
        public internal(set) var opened: UInt64 = 0
    }

    /// A change of state, for the log and the counters.
    public struct Transition: Sendable, Equatable {
        public let from: State
        public let to: State
        /// Monotonic nanoseconds, the caller's clock.
        public let atNs: UInt64
        /// Consecutive failures when it happened.
        public let consecutiveFailures: Int
    }
}
