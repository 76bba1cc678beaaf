extension Stage {
    /// `c` was rebuilt a moment ago when `a` is stopped and given an old dump, and `b` is out of reach: what `c` knows of the
    /// beat of `a` is all there is to give the dump away (rule C8).
    func oldDumpBesideANewMember() async throws(Missed) {
        let writer = try await instance()
        let reader = try await instance()
        let helper = try await instance()
        let keeper = try await instance(upkeep: .hasty)
        await ask(.write("old"), at: writer)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == "old" } }
        let dump = replica(a).dump
        await pass(ms: 500)
        await ask(.write("new"), at: writer)
        writer.crash()
        if isHeads() { replica(c).wipe() } else { replica(c).replace() }
        try await until("it is blank") { identity("state", at: c) == nil }
        try await until("c is a member again") { identity("state", at: c) == "member" }
        keeper.crash()

        // It makes the configuration known at `c`.
        cut(helper, from: b)
        await ask(.read, of: "other", at: helper, withinMs: 2_000)
        helper.crash()
        cut(reader, from: b)
        replica(a).restore(dump)
        try await connectionsAreGivenUp(reader, to: a)
        try await connectionsAreBack(reader, to: a)
        await ask(.read, at: reader, withinMs: 3_000)
    }
}
