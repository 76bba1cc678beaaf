extension Stage {
    /// Mixed incarnations in one quorum (rule C8).
    ///
    /// `late` gets its promises from `a` and `b`. Before it sends its accept, `a` is wiped and rebuilt, and has forgotten
    /// that promise: with `a` and `c`, `quick` gets a lower ballot chosen. The accept of `late` stands on a promise of a
    /// life that is over, and must be refused everywhere.
    func promiseOfAnOldLife() async throws(Missed) {
        let writer = try await instance()
        let late = try await instance(busyWith: 6)
        try await writeEverywhere("old", at: writer)

        hold(late, to: c)
        let before = field("promise", at: b)
        begin(.write("late"), at: late)
        // The answer of `b` stays on its way: so the accept is not even made yet.
        try await until("b has promised") { field("promise", at: b) != before }
        mute(late, from: b)
        try await until("a has promised") { field("promise", at: a) != before }
        await pass(ms: 5)

        let keeper = try await instance(upkeep: .hasty)
        replica(a).wipe()
        try await groupIsWhole()
        keeper.crash()
        let quick = try await instance(busyWith: 2)
        // Does `late` hear of the new configuration before its promises are complete?
        if isHeads() {
            join(late, to: c)
            begin(.write("other"), of: "other", at: late)
        }
        hold(quick, to: b)
        await ask(.write("quick"), at: quick)
        await dawdle(maxUs: 20_000)
        join(late, to: b, c)
        await dawdle(maxUs: 20_000)
        join(quick, to: b)
        await pass(ms: 50)
        await ask(.read, at: writer)
    }
}
