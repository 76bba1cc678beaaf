extension CPScenarioRun {
    /// An accept that two replicas rejected is not "not applied" while the third has not replied (rule C7).
    ///
    /// `a` accepts the write of `slow`; the reply is lost with the connection, or still missing at the client's
    /// deadline. `b` and `c` have promised a higher ballot to `rival`, which crashes, and reject the write. A reader
    /// that reaches `a` completes it.
    func unknownAtOneReplica() async throws(NotReached) {
        let writer = try await instance()
        let slow = try await instance()
        let rival = try await instance()
        let reader = try await instance()
        try await writeEverywhere("old", at: writer)

        let old = [b, c].map { field("promise", at: $0) }
        let isLost = coinFlip()
        let request = start(.write("once"), at: slow, withinMs: isLost ? 1_800 : 300)
        try await until("b and c have promised") {
            zip([b, c], old).allSatisfy { field("promise", at: $0) != $1 }
        }
        holdRequests(slow, to: b, c)
        try await until("a has accepted") { field("value", at: a) == "once" }
        holdReplies(slow, from: a)

        cut(rival, from: a)
        let promised = [b, c].map { field("promise", at: $0) }
        start(.write("rival"), at: rival, withinMs: 1_000)
        try await until("b and c have promised a higher ballot") {
            zip([b, c], promised).allSatisfy { field("promise", at: $0) != $1 }
        }
        rival.crash()

        let rejected = [b, c].map { runs(of: "accept", on: "k", at: $0) }
        heal(slow, to: b, c)
        try await until("b and c have rejected it") {
            zip([b, c], rejected).allSatisfy { runs(of: "accept", on: "k", at: $0) > $1 }
        }
        holdRequests(slow, to: a, b, c)
        if isLost { try await connectionsAreClosed(slow, to: a) }
        try await until("the client's time is over") { request.isAnswered }
        slow.crash()
        holdRequests(reader, to: c)
        await ask(.read, at: reader)
    }
}
