import Replication

/// The Lua scripts of the AP engine. Each run of a script is one atomic step on one replica. `app-ap` registers ``all``
/// with the Redis group.
///
/// The text of a script is the preludes that it needs, then its own file. A prelude checks the incarnation in every
/// script but `adopt`. The `fence` prelude checks the deadline fence of the call. `put` has no `fence` prelude: it
/// checks a fence per record.
public enum AvailableScripts {
    // Writes and their replication.
    public static let put = Script(name: "put", source: changes, isBatchable: true)
    /// A script of its own, so that deletes never share a call with writes. Unlike a write, a delete of a stored record
    /// may run although the memory is full.
    public static let delete = Script(name: "delete", source: changes, isBatchable: true)
    public static let merge = Script(
        name: "merge",
        source: joined(
            single, member, clock, fence, fields, record, lists, PackageResources.merge_replace_lua,
            deferred("loadJoin", vector, PackageResources.merge_join_lua), PackageResources.merge_lua))
    public static let acknowledgeHints = Script(
        name: "acknowledge_hints", source: joined(single, member, PackageResources.acknowledge_hints_lua))

    // Admission and staleness.
    public static let adopt = Script(name: "adopt", source: PackageResources.adopt_lua)
    public static let readClock = Script(
        name: "read_clock", source: joined(single, member, clock, fence, PackageResources.read_clock_lua))
    public static let countHints = Script(
        name: "count_hints", source: joined(single, member, PackageResources.count_hints_lua))
    public static let recordReplication = Script(
        name: "record_replication",
        source: joined(single, member, clock, fence, PackageResources.record_replication_lua))

    // Hinted handoff and anti-entropy.
    public static let readRecords = Script(
        name: "read_records", source: joined(single, member, record, PackageResources.read_records_lua))
    public static let listRecords = Script(
        name: "list_records", source: joined(single, member, PackageResources.list_records_lua))
    public static let compareVectors = Script(
        name: "compare_vectors", source: joined(single, member, PackageResources.compare_vectors_lua))
    public static let clearHintOverflow = Script(
        name: "clear_hint_overflow", source: joined(single, member, PackageResources.clear_hint_overflow_lua))

    // Tombstone GC.
    public static let listCollectable = Script(
        name: "list_collectable",
        source: joined(single, member, clock, fence, record, expiry, tombstone, PackageResources.list_collectable_lua))
    public static let collect = Script(
        name: "collect",
        source: joined(single, member, clock, fence, vector, record, expiry, tombstone, PackageResources.collect_lua))

    public static let all: [Script] = [
        put, delete, merge, acknowledgeHints, adopt, readClock, countHints, recordReplication, readRecords,
        listRecords, compareVectors, clearHintOverflow, listCollectable, collect,
    ]

    /// A call without a deadline fence, of a script that takes the fence's arguments.
    static func unfenced(_ script: Script, _ arguments: [Bytes] = [], incarnation: Bytes) -> Command {
        Command(.script(script, keys: []), arguments: arguments + [Arguments.empty, Arguments.empty, incarnation])
    }

    private static let changes = joined(
        PackageResources.prelude_batch_lua, member, clock, fields, PackageResources.put_common_lua,
        PackageResources.put_hints_lua, PackageResources.put_replace_lua,
        deferred("loadChanges", vector, record, expiry, lists, PackageResources.put_change_lua),
        PackageResources.put_lua)

    private static let single = PackageResources.prelude_single_lua
    private static let member = PackageResources.prelude_member_lua
    private static let clock = PackageResources.prelude_clock_lua
    private static let fence = PackageResources.prelude_fence_lua
    private static let vector = PackageResources.prelude_vector_lua
    private static let fields = PackageResources.prelude_fields_lua
    private static let record = PackageResources.prelude_record_lua
    private static let expiry = PackageResources.prelude_expiry_lua
    private static let lists = PackageResources.prelude_lists_lua
    private static let tombstone = PackageResources.prelude_tombstone_lua

    private static func joined(_ parts: Bytes...) -> Bytes {
        Bytes(parts.joined(separator: [UInt8(ascii: "\n")]))
    }

    /// Makes a Lua function `name` whose body is `parts`. Lua creates the functions that `parts` define only when
    /// `name` is called, which saves time in all other runs.
    private static func deferred(_ name: String, _ parts: Bytes...) -> Bytes {
        let body = parts.joined(separator: [UInt8(ascii: "\n")])
        return joined(Bytes("local function \(name)()".utf8), Bytes(body), Bytes("end".utf8))
    }
}
