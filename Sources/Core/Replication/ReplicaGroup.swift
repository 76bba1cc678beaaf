/// The replicas of one group as an engine sees them: their names, which of them are available, and how to send
/// commands.
///
/// `RedisReplicaGroup` (module Redis) is the production implementation. The simulation has another one, with an
/// in-memory Redis. Every method runs, and every reply arrives, on the thread of one ``Scheduler``.
public protocol ReplicaGroup: AnyObject {
    /// Names of the replicas in the order of the setting `REPLICAS`. A replica's index is its position here.
    var replicaNames: [String] { get }

    /// A command without a script that reads a replica's identity; see ``Command/checksIdentity``. Must be set before
    /// the first connection.
    var identityCheck: Command? { get set }

    /// Receives an event when a replica connects or disconnects, and decides whether a new connection is admitted.
    var delegate: (any ReplicaGroupDelegate)? { get set }

    /// The replicas that can be sent commands now: connected, admitted, circuit breaker closed.
    var available: ReplicaSet { get }

    /// The available replicas, nearest first: those at the instance's own site, then the others. Within a site they are
    /// ordered by classes of latency, so that small differences do not change the choice.
    var nearestFirst: [Int] { get }

    /// A moving average of a replica's latency in nanoseconds; `UInt64.max` before the first reply.
    func latencyNs(_ replica: Int) -> UInt64

    /// True if nothing listens at the replica's address. Its process is then down, which is not a partition.
    func refusesConnections(_ replica: Int) -> Bool

    /// True if the replica is not available although it replies: for example, it loads its data, is read-only, or
    /// rejects the password. This is not a partition.
    func rejectsCommands(_ replica: Int) -> Bool

    /// Sends `command` to each of `targets` that accepts it. For every replica in ``SendResult/sent``, `sink` is later
    /// called exactly once: with the reply, or with nil if the connection was lost. It is never called before this
    /// function has returned.
    ///
    /// A command is sent to a connection at most once: no layer below the engines repeats it.
    ///
    /// - Parameter duringAdmission: true to reach also a replica whose connection is up but not admitted yet (see
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
    /// Replicas whose connection accepted the command. They may run it, whatever happens next.
    public var sent: ReplicaSet = []
    /// Replicas that were not sent the command, because their connection has too many unanswered commands.
    public var overloaded: ReplicaSet = []

    public init(sent: ReplicaSet = [], overloaded: ReplicaSet = []) {
        self.sent = sent
        self.overloaded = overloaded
    }
}

/// Receives the replies to one command.
public protocol ReplySink: AnyObject {
    /// Receives the reply of `replica`. It is nil if the connection was lost before the reply: the replica may or may
    /// not have run the command.
    func receive(_ reply: Reply?, from replica: Int)

    /// Called instead of ``receive(_:from:)`` if a long reply to an identity-checked read was dropped because of the
    /// ``ReplyBudget``. By default this is treated like a lost connection.
    func receiveOverBudget(from replica: Int)

    /// Called before ``receive(_:from:)`` with a long reply. Keep the reservation as long as the reply.
    func hold(_ reservation: ReplyReservation)
}

extension ReplySink {
    public func receiveOverBudget(from replica: Int) { receive(nil, from: replica) }

    public func hold(_ reservation: ReplyReservation) {}
}

/// Implemented by an engine, and called by its group of replicas.
public protocol ReplicaGroupDelegate: AnyObject {
    /// Called when a new connection to `replica` has received replies and has loaded all scripts. Until this returns,
    /// only commands sent `duringAdmission` reach the replica.
    ///
    /// - Returns: true to open the replica for commands; false to close the connection, which is tried again later.
    func admit(replica: Int) async -> Bool

    /// Called after `replica` was admitted.
    func replicaDidConnect(_ replica: Int)

    /// Called when the connection to `replica` was lost.
    func replicaDidDisconnect(_ replica: Int)
}
