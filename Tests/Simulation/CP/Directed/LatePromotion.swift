extension Stage {
    /// Two instances rebuild `a`; the promotion by the first is on its way for long (rule C8).
    ///
    /// The second promotes `a`, which votes, and is wiped once more. The promotion that comes then names a life that `a` no
    /// longer knows: it must not bring it back, for `a` has forgotten what it accepted in that life.
    func latePromotion() async throws(Missed) {
        let writer = try await instance()
        let reader = try await instance()
        // It has seen this process of `a` before: a stranger would find `a` behind its beat, and wipe it.
        let second = try await instance(upkeep: .hasty)
        cut(second, from: a, b, c)
        try await connectionsAreGivenUp(second, to: a, b, c)
        try await writeEverywhere("old", at: writer)

        let first = try await instance(upkeep: .hasty)
        replica(a).wipe()
        let copies = runs(of: "copy", at: b)
        try await until("a is adopted") { identity("state", at: a) == "rebuilding" }
        let incarnation = identity("incarnation", at: a) ?? ""
        try await until("all is done but the promotion") {
            replica(b).redis.field(incarnation, of: "cap:rollback_counters") != nil
                && replica(c).redis.field(incarnation, of: "cap:rollback_counters") != nil
                && runs(of: "copy", at: b) > copies
        }
        hold(first, to: a)
        await pass(ms: 5)
        first.crash()

        join(second, to: a, b, c)
        try await groupIsWhole()
        second.crash()
        // Everybody learns the configuration, and the write is on `a` and `b` alone.
        await ask(.read, of: "other", at: writer)
        await ask(.read, of: "other", at: reader)
        await ask(.write("other"), of: "other", at: reader)
        hold(writer, to: c)
        await ask(.write("new"), at: writer)
        hold(reader, to: b)
        replica(a).wipe()
        let promotions = runs(of: "promote", at: a)
        join(first, to: a)
        try await until("the late promotion has come") { runs(of: "promote", at: a) > promotions }
        await dawdle(maxUs: 2_000)
        await ask(.read, at: reader, withinMs: 400)
    }
}
