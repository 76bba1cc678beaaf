extension Stage {
    /// While `c` is away, `a` is given a dump of a moment ago: `c`, when it is back, knows only older beats of `a`. `b` knows
    /// better. An instance that starts, and whose connection to `b` comes up last, must hear `b` before `a` counts (rule C8).
    func oldDumpAtAStart() async throws(Missed) {
        let writer = try await instance()
        let keeper = try await instance(upkeep: .hasty)
        await ask(.write("old"), at: writer)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == "old" } }
        replica(c).crash()
        await pass(ms: 1_000)
        let dump = replica(a).dump
        await pass(ms: 1_000)
        await ask(.write("new"), at: writer)
        keeper.crash()
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
