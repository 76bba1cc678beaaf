import Replication
import Resilience

/// Settings of the connections of one group.
public struct RedisGroupSettings: Sendable {
    /// Names of the replicas to prefer, which are those of this instance's site. If empty, only the latency decides.
    public var nearReplicas: Set<String> = []
    public var timeouts = Timeouts()
    public var reconnect = Reconnect()
    public var limits = Limits()
    /// Settings of the circuit breakers. A failed replica is tried again at least every `maxOpenForMs`, apart from the
    /// pause before a reconnect.
    public var breaker = CircuitBreaker.Settings()
    /// The files for TLS to the replicas that have it.
    public var tls = RedisTLSFiles()
    /// Finds the addresses of a replica's host name.
    public var lookUp: HostLookup = Resolver.system

    public init() {}
}

extension RedisGroupSettings {
    /// How long a connection waits for its replica, in milliseconds.
    public struct Timeouts: Sendable {
        /// If a replica makes no progress on its oldest command for this time, the circuit breaker counts a failure.
        /// Time in this process's own queue does not count.
        public var callMs: UInt64 = 250
        /// After this time without progress the connection is closed, because hiredis would keep it for ever.
        public var stallMs: UInt64 = 500
        /// The time limit of each step of an attempt to connect: the lookup, each address, and the admission.
        public var connectMs: UInt64 = 1_000
        /// An idle connection sends `PING` at this interval, so that a half-open TCP connection is detected without a
        /// user's request.
        public var pingIntervalMs: UInt64 = 1_000
    }

    /// The pause before a reconnect, in milliseconds. The first pause is the shortest; later ones are longer, with
    /// jitter.
    public struct Reconnect: Sendable {
        public var minPauseMs: UInt64 = 50
        public var maxPauseMs: UInt64 = 1_000
    }

    /// Limits per replica.
    public struct Limits: Sendable {
        /// The most unanswered commands.
        public var maxInFlight: Int = 1_024
        /// If the unanswered commands have more bytes than this, further large commands are rejected. Otherwise a small
        /// command would wait behind too many large ones.
        public var maxInFlightBytes: Int = 2 << 20
        /// The most bytes of long replies that requests may hold. Further long replies are dropped (``ReplyBudget``).
        public var maxHeldReplyBytes: Int = 64 << 20
        /// The longest value that a client may store, in bytes. It bounds the length of a reply.
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

/// Receives the events of a group's connections, for logs and metrics. The protocol does not depend on it.
public protocol RedisGroupObserver: AnyObject {
    /// A connection could not be opened, was lost, or was given up. `reason` is the cause in a few words.
    func connectionFailed(replica: Int, reason: String)
    /// A new connection was admitted.
    func connected(replica: Int)
    /// The reply to a command arrived `tookNs` nanoseconds after the command was queued.
    func replied(replica: Int, tookNs: UInt64)
    /// The clock of `replica` was read. This happens every few seconds.
    func clockRead(replica: Int, _ reading: ClockReading)
    /// The circuit breaker of `replica` changed its state. `failure` is the last failure that it counted.
    func breakerChanged(replica: Int, _ transition: CircuitBreaker.Transition, after failure: LinkFailure?)
}
