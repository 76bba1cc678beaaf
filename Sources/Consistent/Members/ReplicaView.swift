/// What an instance knows of one replica: what the replica said of itself when it was last asked.
public struct ReplicaView: Sendable, Equatable {
    public enum Standing: Sendable, Equatable {
        /// Not connected, not admitted, or silent when it was last asked.
        case unreachable
        /// It answered something that does not tell; its words.
        case unclear(String)
        /// Nothing in it: a new server, or one that was wiped.
        case blank
        /// It has keys and no identity: it belongs to something else, and nobody touches it.
        case occupied
        /// A member of another group, or under another name; which, in a few words.
        case foreign(String)
        /// It has its identity and may not vote yet.
        case rebuilding
        /// A member whose place was given to another incarnation: wipe it to use it again.
        case replaced
        /// It votes.
        case member
    }

    public let name: String
    public internal(set) var standing = Standing.unreachable
    public internal(set) var incarnation: String?
    /// The highest epoch that the replica has seen.
    public internal(set) var epoch: UInt64?
    /// How often it was seen alive as a member.
    public internal(set) var beat: UInt64?
    /// Keys in its database.
    public internal(set) var keyCount: Int64?
    /// Settings and states that may lose acknowledged changes (rule C9); nil while unknown.
    public internal(set) var durabilityFaults: [String]?
    /// Why it refuses changes although it votes; nil where it does not.
    public internal(set) var refusal: String?
    /// Where it is being rebuilt by this instance, or this instance waits to do so.
    public internal(set) var rebuild: RebuildProgress?

    init(name: String) { self.name = name }

    /// One word for `/replicas`.
    public var role: String {
        switch standing {
        case .unreachable: "unreachable"
        case .unclear: "unclear"
        case .blank: "blank"
        case .occupied: "occupied"
        case .foreign: "foreign"
        case .rebuilding: "rebuilding"
        case .replaced: "replaced"
        case .member: "acceptor"
        }
    }

    /// Why it does not vote; nil where it does.
    public var trouble: String? {
        switch standing {
        case .member: nil
        case .unreachable: "\(name) does not answer"
        case .unclear(let text): "\(name) answers '\(text)'"
        case .blank: "\(name) is blank"
        case .occupied: "\(name) holds keys that are not of this program"
        case .foreign(let what): "\(name) \(what)"
        case .rebuilding: "\(name) is being rebuilt"
        case .replaced: "\(name) is a former member whose place is taken: wipe it to use it again"
        }
    }
}

/// How far the rebuild of a blank replica has come (rule C8).
public struct RebuildProgress: Sendable, Equatable {
    public enum Phase: String, Sendable {
        /// The others must all be there first.
        case waiting
        case adopting
        /// The configuration that names it as learning.
        case announcing
        /// Every key of the others is made the same on all of them.
        case comparing
        /// The configuration that counts it.
        case counting
        case promoting
        case done
    }

    public internal(set) var phase = Phase.waiting
    public internal(set) var keysCompared: UInt64 = 0
    /// Keys that differed and were settled by a round of their own.
    public internal(set) var keysSettled: UInt64 = 0
    /// What it waits for, or why it was given up for now.
    public internal(set) var note: String?
}
