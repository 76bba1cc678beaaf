extension CPScenarioRun {
    /// The memory of `a` is set back by a second while it runs, to before a write that it acknowledged: same process,
    /// and perhaps the same connections. The counters that the witnesses hold must reveal that within two probes (rule
    /// C8).
    func rolledBackInPlace() async throws(NotReached) {
        let writer = try await instance()
        let repairer = try await instance(background: .frequent)
        let reader = try await instance()
        await ask(.write("old"), at: writer)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == "old" } }
        let dump = replica(a).dump
        await pass(ms: 1_000)
        cut(repairer, from: c)
        holdRequests(writer, to: c)
        await ask(.write("new"), at: writer)
        writer.crash()
        if coinFlip() { repairer.crash() }
        replica(a).setBack(to: dump)
        if repairer.isRunning {
            await pass(ms: 1_000)
        } else {
            // No instance probes any more, but the connection was lost with the old state.
            reader.group.links[a].reset()
            try await connectionsAreBack(reader, to: a)
        }
        cut(reader, from: b)
        await ask(.read, at: reader, withinMs: 2_000)
    }
}
