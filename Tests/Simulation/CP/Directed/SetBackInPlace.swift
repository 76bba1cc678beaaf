extension Stage {
    /// `a` is set back to a state of a second ago, from before a write that it acknowledged, as it runs: same process, and
    /// perhaps the same connections. The beats that the others keep of it must give it away within a look or two (rule C8).
    func setBackInPlace() async throws(Missed) {
        let writer = try await instance()
        let keeper = try await instance(upkeep: .hasty)
        let reader = try await instance()
        await ask(.write("old"), at: writer)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == "old" } }
        let dump = replica(a).dump
        await pass(ms: 1_000)
        cut(keeper, from: c)
        hold(writer, to: c)
        await ask(.write("new"), at: writer)
        writer.crash()
        if isHeads() { keeper.crash() }
        replica(a).setBack(to: dump)
        if keeper.isRunning {
            await pass(ms: 1_000)
        } else {
            // Nobody looks any more: but the connection was lost with the old state.
            reader.group.links[a].reset()
            try await connectionsAreBack(reader, to: a)
        }
        cut(reader, from: b)
        await ask(.read, at: reader, withinMs: 2_000)
    }
}
