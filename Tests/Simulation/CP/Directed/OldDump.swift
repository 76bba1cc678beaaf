extension Stage {
    /// `a` is stopped and given a dump of a second ago, from before a write that it acknowledged. The beats that the others
    /// keep of it must give it away (rule C8).
    func oldDump() async throws(Missed) {
        let writer = try await instance()
        let keeper = try await instance(upkeep: .hasty)
        let reader = try await instance()
        await ask(.write("old"), at: writer)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == "old" } }
        let dump = replica(a).dump
        await pass(ms: 1_000)
        keeper.crash()
        hold(writer, to: c)
        await ask(.write("new"), at: writer)
        writer.crash()
        cut(reader, from: b)
        replica(a).restore(dump)
        try await connectionsAreGivenUp(reader, to: a)
        try await connectionsAreBack(reader, to: a)
        await ask(.read, at: reader, withinMs: 3_000)
    }
}
