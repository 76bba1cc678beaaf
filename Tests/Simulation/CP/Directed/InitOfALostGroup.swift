extension Stage {
    /// Two of three replicas are wiped: the group is lost, and `app-cp init` must not make a new one over the rest of it
    /// (rule C8), where what was acknowledged would be gone without a word.
    func initOfALostGroup() async throws(Missed) {
        let writer = try await instance()
        let other = try await instance()
        await ask(.write("old"), at: writer)
        let keeper: CPInstance? = isHeads() ? try await instance(upkeep: .hasty) : nil
        replica(a).wipe()
        replica(b).wipe()
        await initialise()
        await dawdle(maxUs: 50_000)
        await ask(.read, at: writer, withinMs: 1_000)
        await ask(.read, at: other, withinMs: 1_000)
        keeper?.crash()
    }
}
