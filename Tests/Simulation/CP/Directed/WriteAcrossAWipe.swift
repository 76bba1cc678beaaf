extension Stage {
    /// A write of which one half is lost with a replica, while the other half is still on its way to the next (rule C8).
    ///
    /// `a` accepts; `a` is wiped. The accept reaches `c` before the wipe, or while `a` is rebuilt: then only in an epoch
    /// that `c` has left. Once `a` counts again, a reader that asks `a` and `b` must see every write that was
    /// acknowledged: the rebuild has made `b` and `c` agree, after both had left the old epoch.
    func writeAcrossAWipe() async throws(Missed) {
        let writer = try await instance()
        let early = try await instance(busyWith: 1)
        let reader = try await instance()
        // It learns the configuration.
        await ask(.read, of: "other", at: writer)
        // A new key, or one with a value.
        if isHeads() { await ask(.write("old"), at: writer) }

        let isEarly = isHeads()
        await pass(ms: 20)
        let old = field("promise", at: c)
        hold(early, to: b)
        let request = begin(.write("new"), at: early)
        try await until("c has promised") { field("promise", at: c) != old }
        if !isEarly { hold(early, to: c) }
        try await until("a has accepted") { field("value", at: a) == "new" }
        if isEarly { try await until("the write is acknowledged") { request.isAnswered } }
        await pass(ms: 3)

        let keeper = try await instance(upkeep: .hasty)
        replica(a).wipe()
        if !isEarly {
            try await until("the rebuild is announced at c") {
                replica(c).redis.field("value", of: "cap:config")?.contains("learning") == true
            }
            let looks = runs(of: "inspect", at: c)
            try await until("c is looked at") { runs(of: "inspect", at: c) > looks }
            await dawdle(maxUs: 6_000)
            join(early, to: c)
        }
        hold(reader, to: c)
        try await until("a is a member again") { identity("state", at: a) == "member" }
        cut(keeper, from: c)
        keeper.crash()
        await ask(.read, at: reader, withinMs: 2_000)
    }
}
