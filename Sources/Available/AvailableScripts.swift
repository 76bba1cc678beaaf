import Replication

/// The Lua scripts of the AP engine, each one atomic step on one replica. The wiring gives ``all`` to the Redis group.
///
/// Every script but `adopt` opens with `member.lua` (`put`, which takes many changes in one call, with `batch.lua`), and
/// those that use the time with `clock.lua` and `fence.lua` too, so that no script can forget what all must check.
public enum AvailableScripts {
    public static let put = Script(
        name: "put", source: joined(batch, clock, vector, PackageResources.put_lua), isBatchable: true)
    public static let merge = Script(
        name: "merge", source: joined(member, clock, fence, vector, PackageResources.merge_lua))
    public static let strike = Script(name: "strike", source: joined(member, PackageResources.strike_lua))
    public static let adopt = Script(name: "adopt", source: PackageResources.adopt_lua)
    public static let tick = Script(name: "tick", source: joined(member, clock, fence, PackageResources.tick_lua))
    public static let debt = Script(name: "debt", source: joined(member, PackageResources.debt_lua))
    public static let hear = Script(name: "hear", source: joined(member, clock, fence, PackageResources.hear_lua))
    public static let fetch = Script(name: "fetch", source: joined(member, PackageResources.fetch_lua))
    public static let page = Script(name: "page", source: joined(member, PackageResources.page_lua))
    public static let compare = Script(name: "compare", source: joined(member, PackageResources.compare_lua))
    public static let clear = Script(name: "clear", source: joined(member, PackageResources.clear_lua))

    public static let due = Script(name: "due", source: joined(member, clock, fence, grave, PackageResources.due_lua))
    public static let reap = Script(
        name: "reap", source: joined(member, clock, fence, vector, grave, PackageResources.reap_lua))

    public static let all: [Script] = [
        put, merge, strike, adopt, tick, debt, hear, fetch, page, compare, clear, due, reap,
    ]

    private static let member = PackageResources.member_lua
    private static let batch = PackageResources.batch_lua
    private static let clock = PackageResources.clock_lua
    private static let fence = PackageResources.fence_lua
    private static let vector = PackageResources.vector_lua
    private static let grave = PackageResources.grave_lua

    private static func joined(_ parts: Bytes...) -> Bytes {
        Bytes(parts.joined(separator: [UInt8(ascii: "\n")]))
    }
}
