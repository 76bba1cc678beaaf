extension CPScenarioRun {
    /// Two incarnations of a replica in one quorum (rule C8).
    ///
    /// `late` gets its promises from `a` and `b`. Before it sends its accept, `a` is wiped and rebuilt, and has
    /// forgotten that promise: with `a` and `c`, `quick` gets a lower ballot chosen. The accept of `late` relies on a
    /// promise of an earlier incarnation, and must be rejected everywhere.
    func promiseOfAnOldIncarnation() async throws(NotReached) {
        let writer = try await instance()
        let late = try await instance(busyWith: 6)
        try await writeEverywhere("old", at: writer)

        holdRequests(late, to: c)
        let before = field("promise", at: b)
        start(.write("late"), at: late)
        // The reply of `b` is delayed, so the accept is not sent yet.
        try await until("b has promised") { field("promise", at: b) != before }
        holdReplies(late, from: b)
        try await until("a has promised") { field("promise", at: a) != before }
        await pass(ms: 5)

        let repairer = try await instance(background: .frequent)
        replica(a).wipe()
        try await groupIsWhole()
        repairer.crash()
        let quick = try await instance(busyWith: 2)
        // `late` may learn the new configuration before its promises are complete.
        if coinFlip() {
            heal(late, to: c)
            start(.write("other"), of: "other", at: late)
        }
        holdRequests(quick, to: b)
        await ask(.write("quick"), at: quick)
        await randomDelay(maxUs: 20_000)
        heal(late, to: b, c)
        await randomDelay(maxUs: 20_000)
        heal(quick, to: b)
        await pass(ms: 50)
        await ask(.read, at: writer)
    }
}
