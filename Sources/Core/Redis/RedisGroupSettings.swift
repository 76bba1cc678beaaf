import Replication
import Resilience

/// Settings of the connections of one group.
public struct RedisGroupSettings: Sendable {
    /// Names of the replicas to prefer: those of this instance's site. Empty: only the latency decides.
    public var nearReplicas: Set<String> = []
    public var timeouts = Timeouts()
    public var reconnect = Reconnect()
    public var limits = Limits()
    /// A healed replica is detected within `maxOpenForMs`.
    public var breaker = CircuitBreaker.Settings()
    /// Finds the addresses of a replica's host name.
    public var lookUp: HostLookup = Resolver.system

    public init() {}
}

extension RedisGroupSettings {
    /// How long a connection waits for its replica, in milliseconds.
    public struct Timeouts: Sendable {
        /// A replica that does nothing for its oldest command for this time has failed once, to the circuit breaker.
        /// The time in our own queue does not count.
        public var callMs: UInt64 = 250
        /// After this time without progress the connection is closed: hiredis would keep it forever.
        public var stallMs: UInt64 = 500
        /// From connect to admission.
        public var connectMs: UInt64 = 1_000
        /// An idle connection sends `PING` at this interval, so that a half-open one is detected without a user's
        /// request.
        public var pingIntervalMs: UInt64 = 1_000
    }

    /// The pause before a reconnect, in milliseconds: at first the shortest, then longer with jitter.
    public struct Reconnect: Sendable {
        public var minPauseMs: UInt64 = 50
        public var maxPauseMs: UInt64 = 1_000
    }

    /// Limits per replica.
    public struct Limits: Sendable {
        /// Unanswered commands.
        public var maxInFlight: Int = 1_024
        /// Bytes of unanswered commands, above which it accepts no large command: a small one waits behind those before
        /// it.
        public var maxInFlightBytes: Int = 2 << 20
        /// Bytes of long replies that requests hold; replies beyond that are dropped (``ReplyBudget``).
        public var maxHeldReplyBytes: Int = 64 << 20
        /// The longest value that a client may store; bounds the length of a reply.
        public var maxValueBytes: Int = 1 << 20
    }
}

/// One replica: its name and where it listens.
public struct RedisReplica: Sendable, Equatable {
    public let name: String
    public let endpoint: RedisEndpoint

    public init(name: String, endpoint: RedisEndpoint) {
        self.name = name
        self.endpoint = endpoint
    }
}

/// Informed of a group's connections, for logs and metrics, never for the protocol.
public protocol RedisGroupObserver: AnyObject {
    /// A connection could not be made, was lost, or was given up; `reason` in a few words.
    func connectionFailed(replica: Int, reason: String)
    /// A new connection was admitted.
    func connected(replica: Int)
    /// A command was answered, so long after it was queued.
    func replied(replica: Int, tookNs: UInt64)
    /// The clock of `replica` was read; every few seconds.
    func clockRead(replica: Int, _ reading: ClockReading)
    /// The circuit breaker of `replica` changed its state; `failure` is what it counted last.
    func breakerChanged(replica: Int, _ transition: CircuitBreaker.Transition, after failure: LinkFailure?)
}
