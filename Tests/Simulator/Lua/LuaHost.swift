import CLua
import Foundation
import Replication

/// Runs the engines' Lua scripts like Redis 7.0: with Lua 5.1, the `redis` functions, and the conversions between Lua
/// values and replies.
///
/// A world has one host, which a single thread uses. Each run names the replica on which the script runs.
final class LuaHost {
    private let state: OpaquePointer
    /// By script text: the compiled script, as a reference in Lua's registry.
    private var compiled: [Bytes: Int32] = [:]
    private var commands: MemoryRedis?
    /// True if the script has run a write command.
    private var isDirty = false
    private let mutations: [ScriptMutation]

    /// - Parameter mutations: deliberate bugs. Each is applied to every script that contains its text.
    init(mutations: [ScriptMutation] = ScriptMutation.ofEnvironment) {
        self.mutations = mutations
        state = luaL_newstate()
        luaL_openlibs(state)
        let host = Unmanaged.passUnretained(self).toOpaque()
        clua_new_table(state)
        for (name, isProtected) in [("call", false), ("pcall", true)] {
            clua_push_handler(state, LuaHost.callHandler, host, isProtected ? 1 : 0)
            lua_setfield(state, -2, name)
        }
        for (name, isStatus) in [("error_reply", false), ("status_reply", true)] {
            clua_push_handler(state, LuaHost.tableHandler, host, isStatus ? 1 : 0)
            lua_setfield(state, -2, name)
        }
        clua_set_global(state, "redis")
        _ = luaL_loadstring(state, Self.redisPcall)
        lua_pcall(state, 0, 0, 0)
    }

    /// Makes `pcall` behave as in Redis, which returns the error of a failed command as a string, not as the table that
    /// was raised.
    private static let redisPcall = """
        local plain = pcall
        local function withErrorText(isOk, result, ...)
            if not isOk and type(result) == 'table' and result.err then return false, result.err end
            return isOk, result, ...
        end
        pcall = function(...) return withErrorText(plain(...)) end
        """

    deinit { lua_close(state) }

    /// Runs `source` on `redis`, and returns its reply.
    func run(_ source: Bytes, keys: [Bytes], arguments: [Bytes], on redis: MemoryRedis) -> Reply {
        if let problem = push(source) { return .error("ERR Error compiling script: \(problem)") }
        setGlobal("KEYS", keys)
        setGlobal("ARGV", arguments)
        commands = redis
        isDirty = false
        defer { commands = nil }
        let status = lua_pcall(state, 0, 1, 0)
        defer { clua_pop(state, 1) }
        guard status == 0 else {
            if lua_type(state, -1) == LUA_TTABLE, case .error(let text) = reply(at: -1) { return .error(text) }
            return .error("ERR " + (string(at: -1).map(\.text) ?? "script error"))
        }
        return reply(at: -1)
    }

    private func push(_ source: Bytes) -> String? {
        if let reference = compiled[source] {
            lua_rawgeti(state, LUA_REGISTRYINDEX, reference)
            return nil
        }
        let mutated = mutations.reduce(source) { $1.applied(to: $0) }
        let status = mutated.withUnsafeBytes { bytes in
            luaL_loadbuffer(state, bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, "@user_script")
        }
        guard status == 0 else {
            defer { clua_pop(state, 1) }
            return string(at: -1).map(\.text) ?? "unknown error"
        }
        let reference = luaL_ref(state, LUA_REGISTRYINDEX)
        compiled[source] = reference
        lua_rawgeti(state, LUA_REGISTRYINDEX, reference)
        return nil
    }

    private func setGlobal(_ name: String, _ values: [Bytes]) {
        lua_createtable(state, Int32(values.count), 0)
        for (index, value) in values.enumerated() {
            push(string: value)
            lua_rawseti(state, -2, Int32(index + 1))
        }
        clua_set_global(state, name)
    }

    // MARK: redis.call

    private static let callHandler: clua_handler = { state, host, isProtected in
        Unmanaged<LuaHost>.fromOpaque(host!).takeUnretainedValue().call(isProtected: isProtected != 0)
    }

    private func call(isProtected: Bool) -> Int32 {
        var values: [Bytes] = []
        for index in 1...max(1, lua_gettop(state)) {
            guard let value = argument(at: index) else {
                push(table: "err", "ERR Lua redis lib command arguments must be strings or integers")
                return isProtected ? 1 : -1
            }
            values.append(value)
        }
        guard let commands else { return 0 }
        let reply = run(values, on: commands)
        push(reply)
        if case .error = reply { return isProtected ? 1 : -1 }
        return 1
    }

    /// Runs one command of a script. If memory is full, only the first write of a script may fail, because Redis does
    /// not stop a script after its first write.
    private func run(_ command: [Bytes], on redis: MemoryRedis) -> Reply {
        let name = command.first?.text.uppercased() ?? ""
        let needsMemory = MemoryRedis.needingMemory.contains(name)
        if redis.isFull, needsMemory, !isDirty { return MemoryRedis.outOfMemory }
        isDirty = isDirty || needsMemory || MemoryRedis.writing.contains(name)
        return redis.run(command)
    }

    private func argument(at index: Int32) -> Bytes? {
        switch lua_type(state, index) {
        case LUA_TNUMBER: Bytes(number: lua_tonumber(state, index))
        case LUA_TSTRING: string(at: index)
        default: nil
        }
    }

    private static let tableHandler: clua_handler = { state, host, isStatus in
        let host = Unmanaged<LuaHost>.fromOpaque(host!).takeUnretainedValue()
        let text = host.string(at: 1) ?? []
        host.push(table: isStatus != 0 ? "ok" : "err", text.text)
        return 1
    }

    // MARK: Values

    private func push(string: Bytes) {
        string.withUnsafeBytes { bytes in
            lua_pushlstring(state, bytes.bindMemory(to: CChar.self).baseAddress, bytes.count)
        }
    }

    private func push(table field: String, _ text: String) {
        clua_new_table(state)
        push(string: Bytes(text.utf8))
        lua_setfield(state, -2, field)
    }

    private func push(_ reply: Reply) {
        switch reply {
        case .bulk(let bytes): push(string: bytes)
        case .integer(let value): lua_pushnumber(state, Double(value))
        case .null: lua_pushboolean(state, 0)
        case .status(let text): push(table: "ok", text)
        case .error(let text): push(table: "err", text)
        case .array(let elements):
            lua_createtable(state, Int32(elements.count), 0)
            for (index, element) in elements.enumerated() {
                push(element)
                lua_rawseti(state, -2, Int32(index + 1))
            }
        }
    }

    private func string(at index: Int32) -> Bytes? {
        var count = 0
        guard let start = lua_tolstring(state, index, &count) else { return nil }
        return Bytes(UnsafeRawBufferPointer(start: start, count: count))
    }

    private func reply(at index: Int32) -> Reply {
        switch lua_type(state, index) {
        case LUA_TSTRING: return .bulk(string(at: index) ?? [])
        // Redis truncates the fraction of a number.
        case LUA_TNUMBER: return .integer(Int64(exactly: lua_tonumber(state, index).rounded(.towardZero)) ?? .min)
        case LUA_TBOOLEAN: return lua_toboolean(state, index) != 0 ? .integer(1) : .null
        case LUA_TTABLE: return tableReply(at: index)
        default: return .null
        }
    }

    private func tableReply(at index: Int32) -> Reply {
        for field in ["err", "ok"] {
            lua_getfield(state, index, field)
            let text = lua_type(state, -1) == LUA_TSTRING ? string(at: -1) : nil
            clua_pop(state, 1)
            if let text {
                let decoded = text.text
                return field == "err" ? .error(decoded) : .status(decoded)
            }
        }
        var elements: [Reply] = []
        while true {
            lua_rawgeti(state, index, Int32(elements.count + 1))
            defer { clua_pop(state, 1) }
            // As in Redis, an array ends before its first nil.
            if lua_type(state, -1) == LUA_TNIL { return .array(elements) }
            elements.append(reply(at: -1))
        }
    }
}

/// A deliberate bug in a script: one text is replaced by another. `make mutants` uses this to try bugs in Lua without a
/// build. Production code has no such switch.
struct ScriptMutation: Decodable {
    let find: String
    let replace: String

    /// The name of an environment variable. It holds the path of a file with a JSON array of mutations.
    private static let variable = "SIMULATE_SCRIPT_MUTATIONS"

    /// The mutations in that file; none if the variable is not set.
    static let ofEnvironment: [ScriptMutation] = {
        guard let path = ProcessInfo.processInfo.environment[variable] else { return [] }
        do {
            return try JSONDecoder().decode([ScriptMutation].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            preconditionFailure("\(variable): \(path) cannot be read: \(error)")
        }
    }()

    func applied(to source: Bytes) -> Bytes {
        let text = source.text
        return text.contains(find) ? Bytes(text.replacingOccurrences(of: find, with: replace).utf8) : source
    }
}
