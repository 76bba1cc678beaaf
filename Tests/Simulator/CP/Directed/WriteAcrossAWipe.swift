extension CPScenarioRun {
    /// A write whose first accept is lost with a replica while its second one is still on its way (rule C8).
    ///
    /// `a` accepts and is wiped. The accept reaches `c` before the wipe, or while `a` is rebuilt: then in an epoch that
    /// `c` has left. Once `a` votes again, a reader that reaches `a` and `b` must see every acknowledged write: the
    /// rebuild makes `b` and `c` agree after both have left the old epoch.
    func writeAcrossAWipe() async throws(NotReached) {
        let writer = try await instance()
        let early = try await instance(busyWith: 1)
        let reader = try await instance()
        // It learns the configuration.
        await ask(.read, of: "other", at: writer)
        // A new key, or one with a value.
        if coinFlip() { await ask(.write("old"), at: writer) }

        let isEarly = coinFlip()
        await pass(ms: 20)
        let old = field("promise", at: c)
        holdRequests(early, to: b)
        let request = start(.write("new"), at: early)
        try await until("c has promised") { field("promise", at: c) != old }
        if !isEarly { holdRequests(early, to: c) }
        try await until("a has accepted") { field("value", at: a) == "new" }
        if isEarly { try await until("the write is acknowledged") { request.isAnswered } }
        await pass(ms: 3)

        let repairer = try await instance(background: .frequent)
        replica(a).wipe()
        if !isEarly {
            try await until("the rebuild is announced at c") {
                replica(c).redis.field("value", of: "cap:config")?.contains(":learner") == true
            }
            let looks = runs(of: "inspect", at: c)
            try await until("c is looked at") { runs(of: "inspect", at: c) > looks }
            await randomDelay(maxUs: 6_000)
            heal(early, to: c)
        }
        holdRequests(reader, to: c)
        try await until("a is a member again") { identity("state", at: a) == "member" }
        cut(repairer, from: c)
        repairer.crash()
        await ask(.read, at: reader, withinMs: 2_000)
    }
}
