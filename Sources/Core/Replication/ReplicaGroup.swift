/// The replicas of one group as an engine sees them: names, who can be asked, and one way to ask.
///
/// Production has `RedisReplicaGroup` (module Redis); the simulation has its own over an in-memory Redis. Both run on the
/// thread of one ``Scheduler``, and so do all replies.
public protocol ReplicaGroup: AnyObject {
    /// Names of the replicas in the order of `REPLICAS`; a replica's index is its place here.
    var replicaNames: [String] { get }

    /// A plain command that reads what a guarded read must be checked against; set once, before the first connection.
    var guardCommand: Command? { get set }

    /// Hears of replicas that come and go, and admits new connections.
    var delegate: (any ReplicaGroupDelegate)? { get set }

    /// The replicas that can be asked now: connected, admitted, breaker not open.
    var available: ReplicaSet { get }

    /// The available replicas, nearest first. By classes of answer time, not by each small difference, so that the choice is
    /// steady.
    var nearestFirst: [Int] { get }

    /// A running estimate of a replica's answer time in nanoseconds; `UInt64.max` before the first answer.
    func latencyNs(_ replica: Int) -> UInt64

    /// Hands `command` to each of `targets` that can take it, and returns how that went. Every replica in
    /// ``Handover/handed`` later calls `sink` exactly once, with its reply or with nil when the connection was lost; never
    /// before this function has returned.
    ///
    /// A command is handed to a replica's connection at most once; nothing below an engine repeats it.
    func send(_ command: Command, to targets: ReplicaSet, sink: any ReplySink) -> Handover

    /// The same for a replica whose connection is up but that is not admitted yet (see
    /// ``ReplicaGroupDelegate/admit(replica:)``).
    func sendDuringAdmission(_ command: Command, to replica: Int, sink: any ReplySink) -> Handover
}

extension ReplicaGroup {
    public var replicaCount: Int { replicaNames.count }
    public var everyReplica: ReplicaSet { .all(replicaCount) }
}

/// What became of one ``ReplicaGroup/send(_:to:sink:)``.
public struct Handover: Sendable {
    /// A connection took the command: the replica may run it, whatever happens next.
    public var handed: ReplicaSet = []
    /// Not handed: the connection already has its limit of unanswered commands.
    public var overloaded: ReplicaSet = []

    public init(handed: ReplicaSet = [], overloaded: ReplicaSet = []) {
        self.handed = handed
        self.overloaded = overloaded
    }
}

/// Receives the replies to one command.
public protocol ReplySink: AnyObject {
    /// The reply of `replica`, or nil where its connection was lost before the reply came: it may or may not have run the
    /// command.
    func receive(_ reply: Reply?, from replica: Int)

    /// Called in place of ``receive(_:from:)`` where the long reply to a guarded command came and was let go unread, because
    /// this process holds as many as it may (``ReplyRoom``): to the sink it is as if the connection had been lost.
    func refuse(replyOf replica: Int)

    /// Called before ``receive(_:from:)`` with a long reply. Who keeps the reply keeps this as long.
    func keep(_ lease: ReplyLease)
}

extension ReplySink {
    public func refuse(replyOf replica: Int) { receive(nil, from: replica) }

    public func keep(_ lease: ReplyLease) {}
}

/// An engine's side of a group.
public protocol ReplicaGroupDelegate: AnyObject {
    /// A new connection to `replica` answers and has all scripts. True lets commands through; false closes it, to be tried
    /// again later. Only ``ReplicaGroup/sendDuringAdmission(_:to:sink:)`` reaches the replica meanwhile.
    func admit(replica: Int) async -> Bool

    /// `replica` was admitted.
    func replicaDidConnect(_ replica: Int)

    /// The connection to `replica` is gone.
    func replicaDidDisconnect(_ replica: Int)
}
