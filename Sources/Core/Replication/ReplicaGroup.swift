/// The replicas of one group as an engine sees them: their names, which of them are available, and how to send
/// commands.
///
/// `RedisReplicaGroup` (module Redis) is the production implementation; the simulation has another over an in-memory
/// Redis. Every method runs, and every reply arrives, on the thread of one ``Scheduler``.
public protocol ReplicaGroup: AnyObject {
    /// Names of the replicas in the order of `REPLICAS`; a replica's index is its position here.
    var replicaNames: [String] { get }

    /// A plain command that reads a replica's identity; see ``Command/checksIdentity``. Set before the first
    /// connection.
    var identityCheck: Command? { get set }

    /// Is informed when replicas connect and disconnect, and admits new connections.
    var delegate: (any ReplicaGroupDelegate)? { get set }

    /// The replicas that accept commands now: connected, admitted, circuit breaker closed.
    var available: ReplicaSet { get }

    /// The available replicas, nearest first. Ordered by classes of latency, so that small differences do not change
    /// the choice.
    var nearestFirst: [Int] { get }

    /// A running estimate of a replica's latency in nanoseconds; `UInt64.max` before the first reply.
    func latencyNs(_ replica: Int) -> UInt64

    /// True if nothing listens at the replica's address: its process is down, which is no partition.
    func refusesConnections(_ replica: Int) -> Bool

    /// True if the replica is not available although it replies: it loads its data, is read-only, or rejects the
    /// password. That is no partition either.
    func rejectsCommands(_ replica: Int) -> Bool

    /// Sends `command` to each of `targets` that accepts it. Every replica in ``SendResult/sent`` later calls `sink`
    /// exactly once, with its reply or with nil when the connection was lost; never before this function has returned.
    ///
    /// A command is sent to a connection at most once: no layer below the engines repeats it.
    ///
    /// - Parameter duringAdmission: also reaches a replica whose connection is up but not admitted yet (see
    ///   ``ReplicaGroupDelegate/admit(replica:)``).
    func send(_ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink) -> SendResult
}

extension ReplicaGroup {
    public func refusesConnections(_ replica: Int) -> Bool { false }
    public func rejectsCommands(_ replica: Int) -> Bool { false }

    public var replicaCount: Int { replicaNames.count }
    public var everyReplica: ReplicaSet { .all(replicaCount) }

    /// Sends `command` to each of `targets` that is available and accepts it.
    public func send(_ command: Command, to targets: ReplicaSet, sink: any ReplySink) -> SendResult {
        send(command, to: targets, duringAdmission: false, sink: sink)
    }
}

/// The outcome of one ``ReplicaGroup/send(_:to:duringAdmission:sink:)``.
public struct SendResult: Sendable {
    /// A connection accepted the command: the replica may run it, whatever happens next.
    public var sent: ReplicaSet = []
    /// Not sent: the connection already has its limit of unanswered commands.
    public var overloaded: ReplicaSet = []

    public init(sent: ReplicaSet = [], overloaded: ReplicaSet = []) {
        self.sent = sent
        self.overloaded = overloaded
    }
}

/// Receives the replies to one command.
public protocol ReplySink: AnyObject {
    /// The reply of `replica`, or nil where its connection was lost before the reply came: the replica may or may not
    /// have run the command.
    func receive(_ reply: Reply?, from replica: Int)

    /// Called in place of ``receive(_:from:)`` when a long reply to an identity-checked read was dropped because of the
    /// ``ReplyBudget``. To the sink it is as if the connection had been lost.
    func receiveOverBudget(from replica: Int)

    /// Called before ``receive(_:from:)`` with a long reply. Keep the reservation as long as the reply.
    func hold(_ reservation: ReplyReservation)
}

extension ReplySink {
    public func receiveOverBudget(from replica: Int) { receive(nil, from: replica) }

    public func hold(_ reservation: ReplyReservation) {}
}

/// An engine's side of a group.
public protocol ReplicaGroupDelegate: AnyObject {
    /// A new connection to `replica` replies and has all scripts. Until this returns, only commands sent
    /// `duringAdmission` reach it.
    ///
    /// - Returns: true opens the replica for commands; false closes the connection, to be tried again later.
    func admit(replica: Int) async -> Bool

    /// `replica` was admitted.
    func replicaDidConnect(_ replica: Int)

    /// The connection to `replica` is lost.
    func replicaDidDisconnect(_ replica: Int)
}
