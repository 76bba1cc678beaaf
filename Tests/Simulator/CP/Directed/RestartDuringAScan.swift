extension CPScenarioRun {
    /// `c` is wiped, and `b` has nothing of what it had acknowledged with `a`. While the rebuild scans the keys of `a`,
    /// `a` restarts so quickly that the new process gets the next page request. The cursor means nothing to it: Redis
    /// draws another hash seed at each start, and unseen keys may be skipped. They must reach `b` before `c` votes
    /// (rule C8).
    func restartDuringAScan() async throws(NotReached) {
        let names = (1...72).map { "k\($0)" }
        let writer = try await instance()
        holdRequests(writer, to: b)
        for name in names { await ask(.write("new"), of: name, at: writer) }
        writer.crash()
        replica(c).wipe()

        // Far away, so that a page takes long, and the pause after it as well.
        let repairer = try await instance(background: .usual, pageSize: 36)
        for path in repairer.paths { path.latencyMeanUs = 50_000 }
        try await untilSlowly("the first page is at b") { names.count { field("value", of: $0, at: b) != nil } > 32 }
        repairer.paths[a].latencyMeanUs = NetworkPath.usualLatencyMeanUs
        await randomDelay(maxUs: 100_000)
        replica(a).crash()
        replica(a).start()
        try await untilSlowly("c is a member again") { identity("state", at: c) == "member" }
        repairer.crash()

        let reader = try await instance()
        cut(reader, from: a)
        for name in names { start(.read, of: name, at: reader, withinMs: 2_000) }
    }
}
