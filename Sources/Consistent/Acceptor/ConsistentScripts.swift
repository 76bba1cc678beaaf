import Replication

/// The Lua scripts that run on an acceptor. Each new connection loads them into its replica. Only then does the engine
/// decide whether to admit the replica.
public enum ConsistentScripts {
    public static let all = [
        prepare, prepareDelete, accept, acceptTombstone, inspect, collect, probe, adopt, promote, raiseRollbackCounter,
        recordWitnessedCounters, raiseEpoch, erase,
    ]

    // Each of these scripts handles any number of registers in one call.
    static let prepare = onRegisters("prepare", Bytes("local isDelete = false\n".utf8) + PackageResources.prepare_lua)
    /// ``prepare`` for deletes. A replica that has a record of the key runs it even at its memory limit. One call runs
    /// one script. So deletes and writes are never in the same call, and no write runs at the memory limit.
    static let prepareDelete = onRegisters(
        "prepare_delete", Bytes("local isDelete = true\n".utf8) + PackageResources.prepare_lua)
    static let accept = onRegisters("accept", PackageResources.accept_lua)
    /// ``accept`` for tombstones. A separate script, so that no call mixes tombstones and values.
    static let acceptTombstone = onRegisters("accept_tombstone", PackageResources.accept_lua)
    static let inspect = onRegisters("inspect", PackageResources.inspect_lua)
    static let collect = onRegisters("collect", PackageResources.collect_lua)

    // These scripts handle the identity of one replica, and the rollback counters that it stores.
    static let probe = Script(name: "probe", source: PackageResources.probe_lua)
    static let adopt = Script(name: "adopt", source: PackageResources.adopt_lua)
    static let promote = Script(
        name: "promote", source: PackageResources.prelude_ballot_lua + PackageResources.promote_lua)
    static let erase = Script(name: "erase", source: PackageResources.erase_lua)
    static let raiseRollbackCounter = onMember("raise_rollback_counter", PackageResources.raise_rollback_counter_lua)
    static let recordWitnessedCounters = onMember(
        "record_witnessed_counters", PackageResources.record_witnessed_counters_lua)
    static let raiseEpoch = onMember("raise_epoch", PackageResources.raise_epoch_lua)

    private static func onRegisters(_ name: String, _ body: Bytes) -> Script {
        let prelude = PackageResources.prelude_ballot_lua + PackageResources.prelude_acceptor_lua
        return Script(name: name, source: prelude + body, isBatchable: true)
    }

    private static func onMember(_ name: String, _ body: Bytes) -> Script {
        Script(name: name, source: PackageResources.prelude_member_lua + body)
    }
}
