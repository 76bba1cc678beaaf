import Replication

@testable import Simulator

/// A replica in memory whose records another program may have written.
struct HostileRedis {
    let redis = MemoryRedis(runId: Bytes("run".utf8))
    /// What no script may change: it is neither named by a call, nor the engines' own.
    private var others: [Bytes: RedisValue] = [:]

    static let nowUs: Int64 = 1_767_225_600_000_000

    init() { redis.nowUs = { Self.nowUs } }

    /// - Parameter field: draws one field of a hash.
    mutating func add(_ key: Bytes, _ input: inout FuzzInput, field: (inout FuzzInput) -> (Bytes, Bytes)) {
        switch input.below(10) {
        case 0: redis.set(key, .string(input.bytes(atMost: 12)))
        case 1:
            var members = SortedMembers()
            _ = members.set(input.bytes(atMost: 5), score: 1)
            redis.set(key, .sortedSet(members))
        default:
            var fields = HashFields()
            for _ in 0...input.below(7) {
                let (name, value) = field(&input)
                _ = fields.set(name, value)
            }
            redis.set(key, .hash(fields))
        }
    }

    func set(_ key: String, _ pairs: [(String, String)]) {
        var fields = HashFields()
        for (name, value) in pairs { _ = fields.set(Bytes(name.utf8), Bytes(value.utf8)) }
        redis.set(Bytes(key.utf8), .hash(fields))
    }

    /// Notes everything that is there, apart from `keys` and what begins with `own`.
    mutating func noteOthers(but keys: [Bytes], own: [String]) {
        others = [:]
        for (key, value) in redis.contents where !keys.contains(key) && !own.contains(where: { isOwn(key, $0) }) {
            others[key] = value
        }
    }

    private func isOwn(_ key: Bytes, _ prefix: String) -> Bool { key.starts(with: Array(prefix.utf8)) }

    func requireOthersUnchanged(_ what: String) throws(Finding) {
        for (key, value) in others {
            try require(redis.value(key) == value, "\(what) changed the key \(quoted(key))")
        }
    }

    /// A record as a plain read returns it.
    func fields(of key: Bytes) -> Reply { redis.run([Bytes("HGETALL".utf8), key]) }
}
