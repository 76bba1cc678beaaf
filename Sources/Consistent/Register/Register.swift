import Replication

/// Identifies one register by its Redis key: `cp:` followed by a client's key, or `cap:config`.
///
/// Each register is a CASPaxos instance of its own. Registers share only the configuration and the GC watermarks.
struct Register: Hashable {
    let redisKey: Bytes

    init(key: Bytes) {
        var name = Bytes()
        name.reserveCapacity(key.count + Self.prefix.count)
        name.append(contentsOf: Self.prefix)
        name.append(contentsOf: key)
        redisKey = name
    }

    /// Nil if the Redis key does not hold a client's key.
    init?(redisKey: Bytes) {
        guard redisKey.starts(with: Self.prefix) else { return nil }
        self.redisKey = redisKey
    }

    private init(reserved name: String) { redisKey = Bytes(name.utf8) }

    /// Holds the ``GroupConfiguration`` (rule C8).
    static let configuration = Register(reserved: "cap:config")

    /// Matches the Redis keys of all clients' registers.
    static let scanPattern = "cp:*"

    private static let prefix = Bytes("cp:".utf8)
}
