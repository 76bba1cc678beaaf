import Replication

extension MemoryRedis {
    /// Runs one command. If a command is unknown, the error names it: add the command here.
    func run(_ command: [Bytes]) -> Reply {
        guard let first = command.first else { return .error("ERR empty command") }
        let name = first.text.uppercased()
        let arguments = Array(command.dropFirst())
        if rejectsWrites, Self.needingMemory.contains(name) || Self.writing.contains(name) {
            return .error("NOREPLICAS Not enough good replicas to write.")
        }
        do throws(CommandError) {
            if let reply = try runOnStrings(name, arguments) { return reply }
            if let reply = try runOnHashes(name, arguments) { return reply }
            if let reply = try runOnSortedSets(name, arguments) { return reply }
            if let reply = try runOnServer(name, arguments) { return reply }
            return .error("ERR unknown command '\(name)'")
        } catch {
            return .error(error.text(command: name))
        }
    }

    /// The simulated commands that have the flag `denyoom` in Redis: they fail if memory is full.
    static let needingMemory: Set = [
        "SET", "MSET", "INCR", "INCRBY", "HSET", "HSETNX", "HINCRBY", "ZADD",
    ]
    /// The other simulated commands that have the flag `write` in Redis.
    static let writing: Set = ["DEL", "UNLINK", "PEXPIRE", "HDEL", "ZREM"]
    static let outOfMemory = Reply.error("OOM command not allowed when used memory > 'maxmemory'.")

    // MARK: Keys and server

    private func runOnServer(_ name: String, _ arguments: [Bytes]) throws(CommandError) -> Reply? {
        switch name {
        case "PING": return .status("PONG")
        case "TIME":
            let now = nowUs()
            return .array([.bulk(Bytes(String(now / 1_000_000).utf8)), .bulk(Bytes(String(now % 1_000_000).utf8))])
        case "INFO": return .bulk(info)
        case "CONFIG": return .array(Self.settings.map { .bulk(Bytes($0.utf8)) })
        case "DBSIZE": return .integer(Int64(keyCount))
        case "DEL", "UNLINK": return .integer(Int64(arguments.count { remove($0) }))
        case "EXISTS": return .integer(Int64(arguments.count { value($0) != nil }))
        case "PEXPIRE":
            let expiresMs = try expiry(afterMs: try Self.number(arguments[1]))
            return .integer(expire(arguments[0], atMs: expiresMs) ? 1 : 0)
        case "PTTL":
            guard let expiresMs = expiry(arguments[0]) else { return .integer(value(arguments[0]) == nil ? -2 : -1) }
            return .integer(expiresMs - nowUs() / 1_000)
        case "SCAN": return try scan(arguments)
        default: return nil
        }
    }

    /// The text of `INFO` for a well-configured server. The protocol uses only `run_id` of it.
    private var info: Bytes {
        let lines = [
            "# Server", "redis_version:7.0.15", "run_id:" + runId.text, "# Memory",
            "maxmemory_policy:noeviction", "# Persistence", "loading:0", "aof_enabled:1", "aof_last_write_status:ok",
            "# Replication", "role:master", "",
        ]
        return Bytes(lines.joined(separator: "\r\n").utf8)
    }

    private static let settings = ["appendfsync", "always", "no-appendfsync-on-rewrite", "no", "appendonly", "yes"]

    private func expiry(afterMs delayMs: Int64) throws(CommandError) -> Int64 {
        let (expiresMs, isOverflow) = (nowUs() / 1_000).addingReportingOverflow(delayMs)
        guard !isOverflow else { throw .badExpiry }
        return expiresMs
    }

    private func scan(_ arguments: [Bytes]) throws(CommandError) -> Reply {
        let cursor = try Self.cursor(arguments[0])
        var count: Int64 = 10
        var prefix = Bytes()
        var index = 1
        while index + 1 < arguments.count {
            switch arguments[index].text.uppercased() {
            case "COUNT":
                count = try Self.number(arguments[index + 1])
                guard count > 0 else { throw .syntax }
            case "MATCH":
                // Only patterns that end with `*` are supported, because engines and scripts use no others.
                guard arguments[index + 1].last == UInt8(ascii: "*") else { throw .syntax }
                prefix = arguments[index + 1].dropLast()
            default: throw .syntax
            }
            index += 2
        }
        let page = scan(from: cursor, count: Int(count))
        let keys = page.keys.filter { $0.starts(with: prefix) && value($0) != nil }
        return .array([.bulk(Bytes(String(page.next).utf8)), .array(keys.map { .bulk($0) })])
    }

    // MARK: Strings

    private func string(_ key: Bytes) throws(CommandError) -> Bytes? {
        switch value(key) {
        case nil: return nil
        case .string(let bytes): return bytes
        default: throw .wrongType
        }
    }

    private func runOnStrings(_ name: String, _ arguments: [Bytes]) throws(CommandError) -> Reply? {
        switch name {
        case "GET": return try string(arguments[0]).map { .bulk($0) } ?? .null
        case "MGET":
            return .array(
                arguments.map { key in
                    if case .string(let bytes)? = value(key) { .bulk(bytes) } else { .null }
                })
        case "MSET":
            for index in stride(from: 0, to: arguments.count - 1, by: 2) {
                set(arguments[index], .string(arguments[index + 1]))
            }
            return .status("OK")
        case "SET":
            var isNew = false
            var delay: Bytes?
            var index = 2
            while index < arguments.count {
                switch arguments[index].text.uppercased() {
                case "NX": isNew = true
                case "PX" where index + 1 < arguments.count:
                    index += 1
                    delay = arguments[index]
                default: throw .syntax
                }
                index += 1
            }
            // As in Redis: the number is read after all options, and before the key.
            var expiresMs: Int64?
            if let delay {
                let delayMs = try Self.number(delay)
                guard delayMs > 0 else { throw .badExpiry }
                expiresMs = try expiry(afterMs: delayMs)
            }
            if isNew, value(arguments[0]) != nil { return .null }
            set(arguments[0], .string(arguments[1]), expiresMs: expiresMs)
            return .status("OK")
        case "INCR", "INCRBY":
            let change = name == "INCR" ? 1 : try Self.number(arguments[1])
            let sum = try Self.sum(try Self.number(try string(arguments[0]) ?? [48]), change)
            update(arguments[0], .string(Bytes(String(sum).utf8)))
            return .integer(sum)
        default: return nil
        }
    }

    // MARK: Hashes

    private func fields(_ key: Bytes) throws(CommandError) -> HashFields {
        switch value(key) {
        case nil: return HashFields()
        case .hash(let fields): return fields
        default: throw .wrongType
        }
    }

    private func runOnHashes(_ name: String, _ arguments: [Bytes]) throws(CommandError) -> Reply? {
        guard name.hasPrefix("H"), let key = arguments.first else { return nil }
        // As in Redis: this number is read before the key.
        let change = name == "HINCRBY" ? try Self.number(arguments[2]) : 0
        var fields = try fields(key)
        switch name {
        case "HGET": return fields[arguments[1]].map { .bulk($0) } ?? .null
        case "HMGET": return .array(arguments.dropFirst().map { fields[$0].map { .bulk($0) } ?? .null })
        case "HGETALL": return .array(fields.pairs.flatMap { [.bulk($0.field), .bulk($0.value)] })
        case "HKEYS": return .array(fields.pairs.map { .bulk($0.field) })
        case "HLEN": return .integer(Int64(fields.count))
        case "HEXISTS": return .integer(fields[arguments[1]] == nil ? 0 : 1)
        case "HSET":
            var added: Int64 = 0
            for index in stride(from: 1, to: arguments.count - 1, by: 2)
            where fields.set(arguments[index], arguments[index + 1]) {
                added += 1
            }
            update(key, .hash(fields))
            return .integer(added)
        case "HSETNX":
            guard fields[arguments[1]] == nil else { return .integer(0) }
            _ = fields.set(arguments[1], arguments[2])
            update(key, .hash(fields))
            return .integer(1)
        case "HINCRBY":
            guard let before = Self.integer(fields[arguments[1]] ?? [48]) else { throw .hashNotANumber }
            let sum = try Self.sum(before, change)
            _ = fields.set(arguments[1], Bytes(String(sum).utf8))
            update(key, .hash(fields))
            return .integer(sum)
        case "HDEL":
            let removed = arguments.dropFirst().count { fields.remove($0) }
            if removed > 0 { update(key, .hash(fields)) }
            return .integer(Int64(removed))
        default: return nil
        }
    }
}
