extension CPScenarioRun {
    /// Each command names the incarnation that it is meant for (rule C8).
    ///
    /// `a` and `c` acknowledge a write that `b` misses. `a` is wiped and gets a new incarnation; the instance that
    /// rebuilds it crashes. A reader that knows the old configuration and reaches `a` and `b` must not count the new
    /// incarnation as the old one.
    func voteOfANewIncarnation() async throws(NotReached) {
        let writer = try await instance()
        let reader = try await instance()
        try await writeEverywhere("old", at: writer)
        // The reader learns the configuration.
        await ask(.read, of: "other", at: reader)
        holdRequests(writer, to: b)
        await ask(.write("new"), at: writer)

        holdRequests(reader, to: c)
        let repairer = try await instance(background: .frequent)
        replica(a).wipe()
        try await until("a has a new incarnation") { identity("state", at: a) == "rebuilding" }
        repairer.crash()
        await randomDelay(maxUs: 20_000)
        await ask(.read, at: reader, withinMs: 400)
    }
}
