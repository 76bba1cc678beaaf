extension CPScenarioRun {
    /// Two instances rebuild `a`, and the promotion by the first is delayed (rule C8).
    ///
    /// The second promotes `a`, which votes and is then wiped again. The delayed promotion names the earlier
    /// incarnation and must have no effect: `a` has forgotten what it accepted then.
    func latePromotion() async throws(NotReached) {
        let writer = try await instance()
        let reader = try await instance()
        // It has compared this process of `a` before. A new instance would find `a` rolled back, and erase it.
        let second = try await instance(background: .frequent)
        cut(second, from: a, b, c)
        try await connectionsAreClosed(second, to: a, b, c)
        try await writeEverywhere("old", at: writer)

        let first = try await instance(background: .frequent)
        replica(a).wipe()
        let copies = runs(of: "record_witnessed_counters", at: b)
        try await until("a is adopted") { identity("state", at: a) == "rebuilding" }
        let incarnation = identity("incarnation", at: a) ?? ""
        try await until("all is done but the promotion") {
            replica(b).redis.field(incarnation, of: "cap:rollback_counters") != nil
                && replica(c).redis.field(incarnation, of: "cap:rollback_counters") != nil
                && runs(of: "record_witnessed_counters", at: b) > copies
        }
        holdRequests(first, to: a)
        await pass(ms: 5)
        first.crash()

        heal(second, to: a, b, c)
        try await groupIsWhole()
        second.crash()
        // All instances learn the configuration, and the write is on `a` and `b` alone.
        await ask(.read, of: "other", at: writer)
        await ask(.read, of: "other", at: reader)
        await ask(.write("other"), of: "other", at: reader)
        holdRequests(writer, to: c)
        await ask(.write("new"), at: writer)
        holdRequests(reader, to: b)
        replica(a).wipe()
        let promotions = runs(of: "promote", at: a)
        heal(first, to: a)
        try await until("the late promotion has come") { runs(of: "promote", at: a) > promotions }
        await randomDelay(maxUs: 2_000)
        await ask(.read, at: reader, withinMs: 400)
    }
}
