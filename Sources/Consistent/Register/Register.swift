import Replication

/// Names one register by its Redis key: `cp:` and a client's key, or the group's configuration.
///
/// Each key is a CASPaxos instance of its own; registers share nothing.
struct Register: Hashable {
    let redisKey: Bytes

    init(key: Bytes) {
        var name = Bytes()
        name.reserveCapacity(key.count + Self.prefix.count)
        name.append(contentsOf: Self.prefix)
        name.append(contentsOf: key)
        redisKey = name
    }

    /// Nil for a Redis key that is not a client's.
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
