/// What can go wrong in a simulated world.
public enum FaultKind: String, CaseIterable, Sendable {
    /// An instance and a replica do not hear each other.
    case cut
    /// What an instance sends to a replica does not arrive.
    case cutThere = "cut there"
    /// What a replica answers to an instance does not arrive.
    case cutBack = "cut back"
    /// A cut that comes and goes.
    case flapping
    /// An instance is cut off from two replicas or all.
    case isolated
    /// No instance reaches a replica for long; it goes on.
    case away
    /// A replica is stopped for long.
    case down
    /// A connection breaks; what it carried may have been run or not.
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
    /// All replicas' clocks are far ahead for a while.
    case clocksAhead = "clocks ahead"
    /// A replica's clock is more than a year ahead for a while.
    case clockFar = "clock far"
    /// `FLUSHALL` on a replica.
    case wipe
    /// A replica is stopped, given an old dump, and started.
    case restore
}
