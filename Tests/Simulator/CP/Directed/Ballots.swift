// Several proposers that write the same key (rules C2, C4).
extension CPScenarioRun {
    /// A replica may get an accept from catch-up before it gets that accept from its author (rules C2, C11). When the
    /// author's accept arrives, the replica must confirm it and also promise the author's next ballot, because the
    /// author will use that ballot without phase 1.
    ///
    /// The accept of `first` reaches `a` alone. Catch-up copies the accepted state to `b` and `c` before the accept of
    /// `first` arrives there. `second`, with the next higher ballot, reaches `b` alone, and catch-up copies its state
    /// to `c`. Then `first` writes again, at `a` and `c`. The write of `second` must not be lost.
    func promiseByCatchUp() async throws(NotReached) {
        let first = try await instance(busyWith: 1)
        let second = try await instance(busyWith: 1)
        let reader = try await instance()

        holdRequests(first, to: c)
        let one = start(.write("one"), at: first)
        try await until("b has promised") { field("promise", at: b) != nil }
        holdRequests(first, to: b)
        try await until("a has accepted") { field("value", at: a) == "one" }
        try await backgroundWorkReaches(b, c)
        heal(first, to: b, c)
        try await until("first has its answer") { one.isAnswered }

        holdRequests(second, to: a)
        await pass(ms: 20)
        let old = field("promise", at: c)
        let two = start(.write("two"), at: second)
        try await until("b and c have promised") {
            field("promise", at: c) != old && field("promise", at: b) == field("promise", at: c)
        }
        holdRequests(second, to: c)
        try await until("b has accepted") { field("value", at: b) == "two" }
        try await backgroundWorkReaches(c)
        heal(second, to: c)
        try await until("second has its answer") { two.isAnswered }

        holdRequests(first, to: b)
        await ask(.write("three"), at: first)
        await ask(.read, at: reader)
    }

    private func backgroundWorkReaches(_ targets: Int...) async throws(NotReached) {
        let before = targets.map { field("ballot", at: $0) }
        let repairer = try await instance(background: .frequent)
        try await until("background work has reached them") {
            zip(targets, before).allSatisfy { field("ballot", at: $0) != $1 }
        }
        repairer.crash()
    }

    /// An instance near the replicas writes a key without pause. With its cached promise, it needs one round trip per
    /// write. A distant instance needs two longer round trips. Each of its writes must still succeed within a second
    /// (rule C4).
    func distantRivals() async throws(NotReached) {
        let near = try await instance()
        let far = [try await instance(), try await instance(), try await instance()]
        for instance in far {
            for path in instance.paths { path.latencyMeanUs = 1_000 }
        }
        await ask(.write("first"), at: near)
        var isOver = false
        for client in 1...2 {
            world.spawn { [self] in
                while !isOver { await ask(.write("near \(client)"), at: near) }
            }
        }
        await pass(ms: 20)
        var left = far.count
        for (place, instance) in far.enumerated() {
            world.spawn { [self] in
                for number in 1...4 {
                    let result = await ask(.write("far \(place) \(number)"), at: instance, withinMs: 1_000)
                    if case .applied = result { continue }
                    reportViolation("write \(number) of far instance \(place) ran out of its second: \(result)")
                }
                left -= 1
            }
        }
        try await until("all have written") { left == 0 }
        isOver = true
    }
}
