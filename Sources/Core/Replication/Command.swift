/// A Lua script that a replica runs as one atomic step. Known to Redis by its SHA-1, which the link learns when it loads it.
public struct Script: Sendable, Hashable {
    /// Name of the `.lua` file without its ending; unique within a ``ScriptLibrary``.
    public let name: String
    public let source: Bytes
    /// Takes any number of keys in one call, and answers an array with one element a key: calls of one loop turn that agree
    /// in all but key and arguments then go as one (see ``Command/Verb/step(_:key:shared:)``).
    public let isBatchable: Bool

    public init(name: String, source: Bytes, isBatchable: Bool = false) {
        self.name = name
        self.source = source
        self.isBatchable = isBatchable
    }

    public static func == (left: Script, right: Script) -> Bool { left.name == right.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// One command for one or several replicas: the shared words once, the words that differ by replica at the end.
public struct Command {
    public enum Verb {
        /// `EVALSHA` of a script with these keys.
        case script(Script, keys: [Bytes])
        /// One key of a batchable script. The script sees `KEYS` = the keys of the whole batch, and `ARGV` = `shared`, the
        /// tail, and then each key's arguments in turn; this key's element of its answer is the reply. A batch saves most of
        /// what a call costs in Redis, and is bounded in keys and bytes.
        case step(Script, key: Bytes, shared: [Bytes])
        /// A plain Redis command, e.g. `["HMGET", key, field]`: all words but those of ``tail``.
        case plain([Bytes])
    }

    public let verb: Verb
    /// Arguments that are the same for every replica.
    public let arguments: [Bytes]
    /// How many words ``tail`` gives; the same for every replica.
    public let tailCount: Int
    /// Words for one replica, after ``arguments`` (its expected incarnation, its fence).
    public let tail: (_ replica: Int) -> [Bytes]
    /// The reply becomes `[reply, guard]`, where `guard` is the reply to the group's guard command (see
    /// ``ReplicaGroup/identityCheck``) that the same replica ran after this one. One guard serves all guarded commands of a
    /// loop turn, which makes it nearly free.
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

    /// A plain command spelled as text.
    public static func plain(_ arguments: String..., checksIdentity: Bool = false) -> Command {
        Command(.plain(arguments.map { Bytes($0.utf8) }), checksIdentity: checksIdentity)
    }
}
