/// A Lua script that a replica runs as one atomic step. Known to Redis by its SHA-1, which the link learns when it loads it.
public struct Script: Sendable, Hashable {
    /// Name of the `.lua` file without its ending; unique within a ``ScriptLibrary``.
    public let name: String
    public let source: Bytes

    public init(name: String, source: Bytes) {
        self.name = name
        self.source = source
    }

    public static func == (left: Script, right: Script) -> Bool { left.name == right.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// One command for one or several replicas: the shared words once, the words that differ by replica at the end.
public struct Command {
    public enum Verb {
        /// `EVALSHA` of a script with these keys.
        case script(Script, keys: [Bytes])
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
    /// ``ReplicaGroup/guardCommand``) that the same replica ran after this one. One guard serves all guarded commands of a
    /// loop turn, which makes it nearly free.
    public let isGuarded: Bool

    public init(
        _ verb: Verb, arguments: [Bytes] = [], tailCount: Int = 0,
        tail: @escaping (_ replica: Int) -> [Bytes] = { _ in [] }, isGuarded: Bool = false
    ) {
        self.verb = verb
        self.arguments = arguments
        self.tailCount = tailCount
        self.tail = tail
        self.isGuarded = isGuarded
    }

    /// A plain command spelled as text.
    public static func plain(_ words: String..., guarded: Bool = false) -> Command {
        Command(.plain(words.map { Bytes($0.utf8) }), isGuarded: guarded)
    }
}
