extension CPScenarioRun {
    /// A promise must outlive the record that it was given for (rule C10).
    ///
    /// `late` holds promises of `a` and `b` for its high ballot, on top of a tombstone. The tombstone is collected.
    /// `quick`, with a lower ballot, must be rejected. Otherwise its change is chosen, and then overwritten by the
    /// accept of `late`, which never read it.
    func promiseBeforeCollection() async throws(NotReached) {
        let writer = try await instance()
        let quick = try await instance(busyWith: 3)
        let late = try await instance(busyWith: 10)
        await ask(.write("old"), at: writer)
        await ask(.delete, at: writer)
        await pass(ms: 20)
        let tombstone = field("promise", at: a)

        holdRequests(late, to: c)
        start(.write("late"), at: late)
        try await until("a and b have promised") {
            [a, b].allSatisfy { field("promise", at: $0) != tombstone }
        }
        holdRequests(late, to: a, b)
        let repairer = try await instance(background: .frequent)
        try await until("the tombstone is collected") {
            [a, b, c].allSatisfy { field("ballot", at: $0) == nil }
        }
        repairer.crash()
        await randomDelay(maxUs: 20_000)
        await ask(.write("quick"), at: quick)
        await randomDelay(maxUs: 50_000)
        heal(late, to: a, b, c)
        await pass(ms: 20)
        await ask(.read, at: writer)
    }
}
