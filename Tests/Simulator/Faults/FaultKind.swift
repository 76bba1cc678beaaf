/// The faults of a simulated world.
public enum FaultKind: String, CaseIterable, Sendable {
    /// An instance and a replica cannot reach each other.
    case cut
    /// Commands of an instance do not arrive at a replica.
    case cutThere = "cut there"
    /// Replies of a replica do not arrive at an instance.
    case cutBack = "cut back"
    /// Several short cuts in succession.
    case flapping
    /// An instance cannot reach two replicas, or all.
    case isolated
    /// No instance can reach a replica for a long time; the replica keeps running.
    case away
    /// A replica is down for a long time.
    case down
    /// A connection breaks; its unanswered commands may have been run or not.
    case reset
    case slowLink = "slow link"
    case slowDisk = "slow disk"
    /// `SIGSTOP` to a replica, and later `SIGCONT`.
    case pause
    /// `kill -9` of a replica, and later a start.
    case replicaCrash = "replica crash"
    /// `kill -9` of an instance, and later a start.
    case instanceCrash = "instance crash"
    case scriptFlush = "script flush"
    /// A wall clock jumps.
    case clockJump = "clock jump"
    /// The clocks of all replicas are far ahead for a while.
    case clocksAhead = "clocks ahead"
    /// A replica's clock is more than a year ahead for a while.
    case clockFar = "clock far"
    /// `FLUSHALL` on a replica.
    case wipe
    /// A replica is stopped, given an old dump, and started.
    case restore
}
