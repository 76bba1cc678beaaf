import Replication

/// The name of one write: its coordinator and the time, `<replica>.<incarnation>@<hlc>`.
///
/// A wiped replica gets a new incarnation, so it is a new actor. Under its old name it could reuse a dot. Other
/// replicas would then take the new write for an old one (the bug kv679 of Riak).
public struct Dot: Sendable, Hashable, Comparable {
    /// `<replica>.<incarnation>`.
    public let actor: Bytes
    /// Hybrid logical clock in microseconds since 1970, below 2^53.
    public let hlc: UInt64

    public init(actor: Bytes, hlc: UInt64) {
        self.actor = actor
        self.hlc = hlc
    }

    /// Nil if `text` is not `actor@hlc`.
    public init?(text: Bytes) {
        guard let at = text.lastIndex(of: UInt8(ascii: "@")), at > 0, let hlc = Int64(decimal: text[(at + 1)...]),
            hlc >= 0
        else { return nil }
        self.init(actor: Bytes(text[..<at]), hlc: UInt64(hlc))
    }

    public var text: Bytes { actor + [UInt8(ascii: "@")] + Bytes(decimal: hlc) }

    /// Orders dots by `hlc`, then by actor. Of several concurrent values, a client gets the one with the highest dot as
    /// `value`.
    public static func < (left: Dot, right: Dot) -> Bool {
        left.hlc != right.hlc ? left.hlc < right.hlc : left.actor.lexicographicallyPrecedes(right.actor)
    }
}
