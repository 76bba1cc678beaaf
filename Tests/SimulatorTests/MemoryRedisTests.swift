import EventLoop
import Redis
import Replication
import TestSupport
import Testing

@testable import Simulator

/// Compares the in-memory Redis with a real one: the same commands and scripts give the same replies.
@Suite(.timeLimit(.minutes(20))) struct MemoryRedisTests {
    private static let names = ["a", "b", "c"]

    /// Draws a command that the engines use, on one of a few keys, so that some commands meet a value of the wrong
    /// type.
    private static func command(_ random: inout SplitMix64) -> [String] {
        let key = names[random.index(3)]
        let field = "f\(random.index(4))"
        let value = random.isTrue(percent: 50) ? "\(random.below(50))" : "text\(random.below(9))"
        let score = "\(random.below(20))"
        switch random.index(25) {
        case 0: return ["GET", key]
        case 1: return ["SET", key, value]
        case 2: return ["SET", key, value, "NX", "PX", "100000"]
        case 3: return ["MGET", "a", "b", "c"]
        case 4: return ["MSET", key, value, "d", "1"]
        case 5, 6, 7: return ["HSET", key, field, value, "g", "1"]
        case 8: return ["HGET", key, field]
        case 9: return ["HMGET", key, "f0", "f1", "none"]
        case 10: return ["HGETALL", key]
        case 11: return ["HKEYS", key]
        case 12: return ["HLEN", key]
        case 13: return ["HDEL", key, field, "f1"]
        case 14: return ["HSETNX", key, field, value]
        case 15: return ["HINCRBY", key, "n", score]
        case 16, 17: return ["ZADD", key, "NX", score, value]
        case 18: return ["ZADD", key, score, value]
        case 19: return ["ZCARD", key]
        case 20: return ["ZSCORE", key, value]
        case 21: return ["ZRANGE", key, "0", "0", "WITHSCORES"]
        case 22: return ["ZRANGEBYSCORE", key, "0", score, "LIMIT", "0", "3"]
        case 23: return ["ZREM", key, value]
        default: return random.isTrue(percent: 50) ? ["DEL", key] : ["EXISTS", key, "d"]
        }
    }

    @Test func everyReplyIsThatOfRedis() async throws {
        try await compare { real, memory in
            var random = SplitMix64(seed: 1)
            for _ in 0..<3_000 {
                let command = Self.command(&random)
                let expected = await real.run(command)
                let found = memory.run(command.map { Bytes($0.utf8) })
                #expect(found == expected, "\(command)")
            }
        }
    }

    /// Covers return values, errors, and the conversion of numbers and nulls in both directions.
    private static let scripts = [
        "return 1", "return 3.99", "return -2.5", "return 'text'", "return true", "return false", "return nil",
        "return {1, 'two', {3}, false, true}", "return {1, nil, 3}", "return {}", "return {ok = 'FINE'}",
        "return {err = 'WRONG it is'}", "return redis.status_reply('YES')", "return redis.error_reply('NOPE no')",
        "return redis.call('HMGET', 'none', 'a', 'b')", "return redis.call('GET', 'none')",
        "local x = redis.call('GET', 'none') return x == false and 'false' or 'other'",
        "redis.call('SET', 'num', 9007199254740992) return redis.call('GET', 'num')",
        "redis.call('SET', 'num', 12345678901234) return redis.call('GET', 'num')",
        "return redis.call('SET', 'x', 'y')", "return redis.call('SET', 'x', 'y').ok",
        "redis.call('DEL', 's') redis.call('SET', 's', '1') local r = redis.pcall('HGET', 's', 'f') return type(r)",
        "redis.call('DEL', 's') redis.call('SET', 's', '1') return redis.pcall('HGET', 's', 'f').err ~= nil",
        "local ok, e = pcall(function() return redis.call('HGET', 's', 'f') end) return {tostring(ok), type(e)}",
        "return #KEYS + #ARGV", "return {KEYS[1], ARGV[1], ARGV[2]}", "return tostring(ARGV[1] + 1)",
        "return string.format('%.0f', 1767225600000000 + 1)", "return tostring(2^53)",
        "return {ARGV[1] * 2, '' .. 0.1}",
    ]

    @Test func scriptsReturnTheSameAsInRedis() async throws {
        try await compare { real, memory in
            let lua = LuaHost()
            for source in Self.scripts {
                let expected = await real.run(["EVAL", source, "1", "key", "41", "second"])
                let found = lua.run(
                    Bytes(source.utf8), keys: [Bytes("key".utf8)], arguments: [Bytes("41".utf8), Bytes("second".utf8)],
                    on: memory)
                #expect(found == expected, "\(source)")
            }
        }
    }

    /// Runs `body` with a real server and an in-memory one that has the same time.
    private func compare(_ body: @escaping @Sendable (RealRedis, MemoryRedis) async -> Void) async throws {
        let server = try RedisServer(["--appendonly", "no"])
        let runner = try ReactorRunner()
        try await runner.run { [reactor = runner.reactor] in
            let real = RealRedis(reactor, port: server.port)
            defer { real.close() }
            guard await real.isUp() else { throw TestFailure("no connection") }
            let memory = MemoryRedis(runId: [])
            memory.nowUs = { reactor.wallClockMs * 1_000 }
            await body(real, memory)
        }
    }
}

/// One real server; runs one command at a time.
private final class RealRedis {
    private let reactor: Reactor
    private let group: RedisReplicaGroup

    init(_ reactor: Reactor, port: UInt16) {
        self.reactor = reactor
        group = RedisReplicaGroup(
            reactor: reactor,
            replicas: [RedisReplica(name: "g1", endpoint: RedisEndpoint(host: "127.0.0.1", port: port))], scripts: [],
            settings: RedisGroupSettings())
        group.start()
    }

    func close() { group.close() }

    func isUp() async -> Bool { await reactor.eventually { !self.group.available.isEmpty } }

    func run(_ arguments: [String]) async -> Reply? {
        let call = QuorumCall(group: group, scheduler: reactor, deadlineNs: reactor.nowNs + 5_000 * nsPerMs)
        call.send(Command(.plain(arguments.map { Bytes($0.utf8) })), to: [0])
        await call.waitForAll()
        return call.reply(from: 0)
    }
}
