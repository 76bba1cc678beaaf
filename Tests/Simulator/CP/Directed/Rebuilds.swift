import EventLoop

// Replicas that lose their data and are rebuilt (rule C8).
extension CPScenarioRun {
    /// Two incarnations of a replica must not count in the same quorum (rule C8).
    ///
    /// `a` and `b` promise the ballot of `late`. Before `late` sends its accept, `a` is wiped and rebuilt, and so
    /// forgets its promise. Then `a` and `c` accept a lower ballot of `quick`. The accept of `late` relies on a promise
    /// of an earlier incarnation, so every replica must reject it.
    func promiseOfAnOldIncarnation() async throws(NotReached) {
        let writer = try await instance()
        let late = try await instance(busyWith: 6)
        try await writeEverywhere("old", at: writer)

        holdRequests(late, to: c)
        let before = field("promise", at: b)
        start(.write("late"), at: late)
        // Hold the reply of `b`, so that `late` does not send its accept yet.
        try await until("b has promised") { field("promise", at: b) != before }
        holdReplies(late, from: b)
        try await until("a has promised") { field("promise", at: a) != before }
        await pass(ms: 5)

        let repairer = try await instance(background: .frequent)
        replica(a).wipe()
        try await groupIsWhole()
        repairer.crash()
        let quick = try await instance(busyWith: 2)
        // In half of the seeds, `late` may learn the new configuration before it has all its promises.
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

    /// One replica accepts a write and then loses its data, while the accept for a second replica is in transit (rule
    /// C8).
    ///
    /// `a` accepts the write and is wiped. `c` gets the accept before the wipe, or during the rebuild, when it must
    /// reject the old epoch. Once `a` votes again, a reader that reaches `a` and `b` must see every acknowledged write.
    /// So the rebuild makes `b` and `c` agree after both have left the old epoch.
    func writeAcrossAWipe() async throws(NotReached) {
        let writer = try await instance()
        let early = try await instance(busyWith: 1)
        let reader = try await instance()
        // The writer learns the configuration by this read.
        await ask(.read, of: "other", at: writer)
        // In half of the seeds, the key of the scenario already has a value.
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

    /// Each command names the incarnation for which it is meant (rule C8).
    ///
    /// `a` and `c` acknowledge a write that `b` misses. Then `a` is wiped and gets a new incarnation, and the instance
    /// that rebuilds it crashes. A reader that knows the old configuration reaches `a` and `b`. It must not count the
    /// new incarnation as the old one.
    func voteOfANewIncarnation() async throws(NotReached) {
        let writer = try await instance()
        let reader = try await instance()
        try await writeEverywhere("old", at: writer)
        // The reader learns the configuration by this read.
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

    /// `c` is wiped, and `b` lacks everything that `a` and `c` had accepted. The rebuild scans the keys of `a`. Then
    /// `a` restarts so quickly that the new process gets the request for the next page. The cursor in this request is
    /// invalid there, because Redis draws another hash seed at each start, so keys may be skipped. These keys must
    /// reach `b` before `c` votes (rule C8).
    func restartDuringAScan() async throws(NotReached) {
        let names = (1...72).map { "k\($0)" }
        let writer = try await instance()
        holdRequests(writer, to: b)
        for name in names { await ask(.write("new"), of: name, at: writer) }
        writer.crash()
        replica(c).wipe()

        // The repairer is distant, so that each page and the pause after it take long.
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

    /// `c` is wiped while an instance near the replicas writes a key without pause. A distant instance runs the
    /// rebuild, and must complete its identity round for that key. Otherwise the rebuild would start over forever, and
    /// the loss of a second replica would stop the group (rule C8).
    func rebuildUnderLoad() async throws(NotReached) {
        let writer = try await instance()
        await ask(.write("first"), at: writer)
        let repairer = try await instance(background: .frequent)
        for path in repairer.paths { path.latencyMeanUs = 10_000 }
        var isOver = false
        var left = 2
        for client in 1...left {
            world.spawn { [self] in
                while !isOver { await ask(.write("again \(client)"), at: writer) }
                left -= 1
            }
        }
        replica(c).wipe()
        let startNs = world.nowNs
        try await untilSlowly("c is a member again") { identity("state", at: c) == "member" }
        let tookMs = (world.nowNs - startNs) / nsPerMs
        if tookMs > 8_000 { reportViolation("the rebuild of a group with one key took \(tookMs) ms") }
        isOver = true
        try await until("the writers end") { left == 0 }
    }

    /// Two instances rebuild `a`, and the promotion by the first one is delayed (rule C8).
    ///
    /// The second instance promotes `a`, which votes and is then wiped again. The delayed promotion names the earlier
    /// incarnation, so it must have no effect: `a` has forgotten what it accepted as that incarnation.
    func latePromotion() async throws(NotReached) {
        let writer = try await instance()
        let reader = try await instance()
        // `second` connects before the wipe, so that it has already compared this process of `a`. A new instance would
        // find `a` rolled back, and erase it.
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
        // All instances learn the configuration. Then the write reaches only `a` and `b`.
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
