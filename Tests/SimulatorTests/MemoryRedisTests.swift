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

    /// Numbers at the ends of their ranges, and texts that are almost numbers.
    private static let numbers = [
        "0", "-0", "00", "01", "-01", "+1", "1", "-1", "2", "-2", "", " ", "-", "+", " 1", "1 ", "1\0", "\0", "1\0x",
        "x", "1x",
        "9223372036854775806", "9223372036854775807", "9223372036854775808", "-9223372036854775807",
        "-9223372036854775808", "-9223372036854775809", "18446744073709551614", "18446744073709551615",
        "18446744073709551616", "-18446744073709551615", "-18446744073709551616", "99999999999999999999999",
        "-99999999999999999999999", "0.1", "1.5", "-1.5", ".5", "5.", "1e3", "1e", "0x10", "0x1p4", "inf", "-inf",
        "+inf", "INF",
        "infinity", "nan", "-nan", "1e17", "123456789012345678", "1e308", "-1e308", "1e309", "-1e309", "5e-324",
        "1e-310",
        "1e-400", "-1e-400", "(1", "(-1", "(inf", "((1", "(", "( 1",
    ]
    private static let commandsWithNumbers: [@Sendable (String) -> [String]] = [
        { ["INCRBY", "number", $0] }, { ["INCRBY", "none", $0] }, { ["INCRBY", "hash", $0] },
        { ["SET", "text", $0] }, { _ in ["INCR", "text"] }, { ["INCRBY", "text", $0] },
        { ["HSET", "hash", "text", $0] }, { _ in ["HINCRBY", "hash", "text", "1"] },
        { ["HINCRBY", "hash", "text", $0] }, { ["HINCRBY", "hash", "number", $0] },
        { ["HINCRBY", "hash", "none", $0] },
        { ["HINCRBY", "new", "none", $0] }, { ["HINCRBY", "text", "field", $0] },
        { ["PEXPIRE", "number", $0] }, { ["PEXPIRE", "none", $0] },
        { ["SET", "number", "1", "PX", $0] }, { ["SET", "text", "1", "NX", "PX", $0] },
        { ["SET", "number", "1", "PX", $0, "WRONG"] }, { ["SET", "number", "1", $0, "PX"] },
        { ["ZADD", "set", $0, "m"] }, { _ in ["ZSCORE", "set", "m"] }, { ["ZADD", "set", "NX", $0, "new"] },
        { ["ZADD", "set", "1", "m", $0, "n"] }, { ["ZADD", "text", $0, "m"] },
        { ["ZRANGE", "set", $0, "-1", "WITHSCORES"] }, { ["ZRANGE", "set", "0", $0] }, { ["ZRANGE", "set", $0, $0] },
        { ["ZRANGE", "text", $0, "1"] }, { ["ZRANGE", "text", "1", $0] },
        { ["ZRANGEBYSCORE", "set", $0, "+inf", "WITHSCORES"] }, { ["ZRANGEBYSCORE", "set", "-inf", $0] },
        { ["ZRANGEBYSCORE", "set", "-inf", "inf", "LIMIT", $0, "2"] },
        { ["ZRANGEBYSCORE", "set", "-inf", "inf", "LIMIT", "1", $0] },
        { ["ZRANGEBYSCORE", "set", "-inf", "wrong", "LIMIT", "1", $0] },
        { ["ZRANGEBYSCORE", "set", "-inf", "inf", "LIMIT", $0] }, { ["ZRANGEBYSCORE", "text", "0", $0] },
    ]

    @Test func numbersAtTheEndsOfTheirRangesGetTheRepliesOfRedis() async throws {
        try await compare { real, memory in
            for number in Self.numbers {
                // Not compared: a key whose expiry is 1 ms may already have expired at one of the two only.
                let delete = ["DEL", "text", "hash", "new", "set", "none"]
                _ = await (real.run(delete), memory.run(delete.map { Bytes($0.utf8) }))
                let keys = [
                    ["SET", "number", "7"], ["SET", "text", "x"],
                    ["HSET", "hash", "number", "-7"], ["ZADD", "set", "-1", "a", "0", "b", "1", "c", "2", "d"],
                ]
                for command in keys + Self.commandsWithNumbers.map({ $0(number) }) {
                    let expected = await real.run(command)
                    #expect(memory.run(command.map { Bytes($0.utf8) }) == expected, "\(command)")
                }
            }
        }
    }

    /// Without keys, because each server has an order of its own.
    @Test func cursorsOfScanGetTheRepliesOfRedis() async throws {
        try await compare { real, memory in
            for number in Self.numbers {
                for command in [
                    ["SCAN", number], ["SCAN", "0", "COUNT", number], ["SCAN", number, "COUNT", "x"],
                    ["SCAN", "0", "COUNT", number, "COUNT", "x"], ["SCAN", "18446744073709551615", "MATCH", "a*"],
                ] {
                    let expected = await real.run(command)
                    #expect(memory.run(command.map { Bytes($0.utf8) }) == expected, "\(command)")
                }
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
        "redis.call('SET', 'num', 0.1) return redis.call('GET', 'num')",
        "redis.call('SET', 'num', 1e300) return redis.call('GET', 'num')",
        "redis.call('SET', 'num', 1 / 0) return redis.call('GET', 'num')",
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
