extension Stage {
    /// `c` is wiped, and of what it had acknowledged with `a` nothing is at `b`. While the rebuild goes through the keys of
    /// `a`, `a` is started anew, quickly enough for the next page to be asked of the new process. A cursor is worth nothing
    /// there: Redis draws another hash seed at each start, and keys that were not seen yet may be passed over. They must reach
    /// `b` all the same before `c` counts (rule C8).
    func restartWithinAScan() async throws(Missed) {
        let names = (1...72).map { "k\($0)" }
        let writer = try await instance()
        hold(writer, to: b)
        for name in names { await ask(.write("new"), of: name, at: writer) }
        writer.crash()
        replica(c).wipe()

        // Far away, so that a page takes long: the pause after it is as long.
        let keeper = try await instance(upkeep: .usual, pageSize: 36)
        for path in keeper.paths { path.latencyMeanUs = 50_000 }
        try await untilSlowly("the first page is at b") { names.count { field("value", of: $0, at: b) != nil } > 32 }
        keeper.paths[a].latencyMeanUs = NetworkPath.usualLatencyMeanUs
        await dawdle(maxUs: 100_000)
        replica(a).crash()
        replica(a).start()
        try await untilSlowly("c is a member again") { identity("state", at: c) == "member" }
        keeper.crash()

        let reader = try await instance()
        cut(reader, from: a)
        for name in names { begin(.read, of: name, at: reader, withinMs: 2_000) }
    }
}
