extension CPScenarioRun {
    /// While `c` is down, `a` is restored from a recent dump: after its restart, `c` knows only older counters of `a`,
    /// and `b` knows better. An instance that starts, and whose connection to `b` comes up last, must ask `b` before it
    /// admits `a` (rule C8).
    func oldDumpAtAStart() async throws(NotReached) {
        let writer = try await instance()
        let repairer = try await instance(background: .frequent)
        await ask(.write("old"), at: writer)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == "old" } }
        replica(c).crash()
        await pass(ms: 1_000)
        let dump = replica(a).dump
        await pass(ms: 1_000)
        await ask(.write("new"), at: writer)
        repairer.crash()
        writer.crash()
        replica(a).restore(dump)
        replica(c).start()

        replica(b).pause()
        world.spawn { [self] in
            await pass(ms: 50)
            replica(b).resume()
        }
        let reader = try await instance()
        cut(reader, from: b)
        await ask(.read, at: reader, withinMs: 2_000)
    }
}
