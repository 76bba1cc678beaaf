import Replication

/// Whether a replica keeps what it acknowledges (rule C9), from `INFO` and `CONFIG GET *append*`.
///
/// An acknowledged change must be on disk at a majority of all replicas. Redis replies after the fsync only with the
/// settings that are expected here.
struct Durability: Equatable, Sendable {
    /// One phrase for each setting or state that rule C9 does not allow.
    var faults: [String] = []
    /// Identifies the server process (`run_id` of Redis): it changes when the server restarts.
    var runID: Bytes = []

    /// Nil unless the replica answered both commands.
    init?(info: Reply?, configuration: Reply?) {
        guard let info = ServerInfo(info), let configuration else { return nil }
        runID = info["run_id"].map { Bytes($0.utf8) } ?? []

        expect(info["role"], "master", "it is a %: the service needs a server that accepts writes")
        expect(info["loading"], "0", "it is loading its data")
        expect(info["aof_enabled"], "1", "the append-only file is off: 'CONFIG SET appendonly yes'")
        expect(info["aof_last_write_status"], "ok", "its last write of the append-only file failed")
        expect(info["maxmemory_policy"], "noeviction", "maxmemory-policy is %: it may drop keys")
        // In `redis_version`, Valkey reports the version of Redis that it is compatible with.
        let version = info["redis_version"].map { $0.split(separator: ".").prefix(2).compactMap { Int($0) } } ?? []
        if version.lexicographicallyPrecedes([6, 2]) {
            faults.append("Redis \(info["redis_version"] ?? "of an unknown version") is older than 6.2")
        }

        if let error = configuration.error {
            faults.append("appendfsync cannot be verified: \(error.text)")
            return
        }
        let settings = Self.settings(of: configuration)
        expect(settings["appendfsync"], "always", "appendfsync is %, not always")
        expect(settings["no-appendfsync-on-rewrite"], "no", "no-appendfsync-on-rewrite is %, not no")
    }

    private mutating func expect(_ value: String?, _ wanted: String, _ phrase: String) {
        guard value != wanted else { return }
        let parts = phrase.split(separator: "%", omittingEmptySubsequences: false)
        faults.append(parts.joined(separator: value ?? "unknown"))
    }

    /// The `run_id` line of an `INFO` reply.
    static func runID(of info: Reply?) -> Bytes? {
        ServerInfo(info)?["run_id"].map { Bytes($0.utf8) }
    }

    private static func settings(of reply: Reply) -> [String: String] {
        var settings: [String: String] = [:]
        let pairs = reply.array ?? []
        for place in stride(from: 0, to: pairs.count - 1, by: 2) {
            if let name = pairs[place].text, let value = pairs[place + 1].text { settings[name] = value }
        }
        return settings
    }
}
