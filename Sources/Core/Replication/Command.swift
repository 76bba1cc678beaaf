/// A Lua script that a replica runs atomically. Redis identifies it by the SHA-1 that it returns when the script is
/// loaded.
public struct Script: Sendable, Hashable {
    /// Name of the `.lua` file without its extension; unique within an engine.
    public let name: String
    public let source: Bytes
    /// True if the script accepts any number of keys in one call, and returns an array with one element per key. Calls
    /// of one loop turn that differ only in key and arguments can then be sent as one call (see
    /// ``Command/Verb/step(_:key:shared:)``).
    public let isBatchable: Bool

    public init(name: String, source: Bytes, isBatchable: Bool = false) {
        self.name = name
        self.source = source
        self.isBatchable = isBatchable
    }

    public static func == (left: Script, right: Script) -> Bool { left.name == right.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// One command for one or several replicas. Some of its arguments are the same for all replicas, others differ.
public struct Command {
    public enum Verb {
        /// `EVALSHA` of a script with these keys.
        case script(Script, keys: [Bytes])
        /// One key of a batchable script. The script gets `KEYS` = the keys of the whole batch, and `ARGV` = `shared`,
        /// ``Command/tail``, and then the arguments of each key. The reply is this key's element of the script's
        /// result. A batch saves most of the cost of a call in Redis, and is bounded in keys and bytes.
        case step(Script, key: Bytes, shared: [Bytes])
        /// The beginning of a Redis command that runs no script, e.g. `["HMGET", key]`. ``Command/arguments`` and
        /// ``Command/tail`` follow.
        case plain([Bytes])
    }

    public let verb: Verb
    /// Arguments that are the same for every replica.
    public let arguments: [Bytes]
    /// The number of arguments that ``tail`` returns; the same for every replica.
    public let tailCount: Int
    /// Arguments for one replica, such as its expected incarnation or its deadline fence. In a step, they precede
    /// ``arguments``; otherwise, they follow.
    public let tail: (_ replica: Int) -> [Bytes]
    /// If true, the reply becomes `[reply, identity]`. `identity` is the reply to ``ReplicaGroup/identityCheck``, which
    /// the same replica ran after this command. One identity check serves all such commands of a loop turn, so it costs
    /// almost nothing.
    public let checksIdentity: Bool

    public init(
        _ verb: Verb, arguments: [Bytes] = [], tailCount: Int = 0,
        tail: @escaping (_ replica: Int) -> [Bytes] = { _ in [] }, checksIdentity: Bool = false
    ) {
        self.verb = verb
        self.arguments = arguments
        self.tailCount = tailCount
        self.tail = tail
        self.checksIdentity = checksIdentity
    }

    /// A command without a script, given as texts.
    public static func plain(_ arguments: String..., checksIdentity: Bool = false) -> Command {
        Command(.plain(arguments.map { Bytes($0.utf8) }), checksIdentity: checksIdentity)
    }
}
