extension CPScenarioRun {
    /// Two of three replicas are wiped, so the group is lost. `app-cp init` must not make a new group over the rest of
    /// it: all acknowledged data would disappear without an error (rule C8).
    func initOfALostGroup() async throws(NotReached) {
        let writer = try await instance()
        let other = try await instance()
        await ask(.write("old"), at: writer)
        let repairer: CPInstance? = coinFlip() ? try await instance(background: .frequent) : nil
        replica(a).wipe()
        replica(b).wipe()
        await initialise()
        await randomDelay(maxUs: 50_000)
        await ask(.read, at: writer, withinMs: 1_000)
        await ask(.read, at: other, withinMs: 1_000)
        repairer?.crash()
    }
}
