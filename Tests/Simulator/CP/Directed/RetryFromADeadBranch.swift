extension CPScenarioRun {
    /// The versions of an abandoned branch tell nothing about the chosen chain of states (rule C6).
    ///
    /// `a` alone holds a batch of writes that is never chosen. The first attempt is based on it, at version 31, and
    /// reaches no replica. The second is based on version 3, is accepted by `b` and completed by a reader; then sixteen
    /// writers evict its entry at version 20. Compared with 31 that looks like "long before my first attempt".
    func retryFromADeadBranch() async throws(NotReached) {
        let writer = try await instance()
        let slow = try await instance()
        let rival = try await instance()
        let reader = try await instance()
        try await leaveABranch(after: writer)

        cut(slow, from: c)
        let branch = (field("promise", at: a), field("promise", at: b))
        start(.write("once"), at: slow)
        try await until("a has promised") { field("promise", at: a) != branch.0 }
        holdRequests(slow, to: a)
        try await until("b has promised") { field("promise", at: b) != branch.1 }
        holdRequests(slow, to: b)
        await pass(ms: 2)
        cut(rival, from: a)
        await ask(.write("rival"), at: rival)
        // The second attempt.
        try await connectionsAreClosed(slow, to: a, b, c)
        let second = field("promise", at: c)
        heal(slow, to: b, c)
        try await until("c has promised") { field("promise", at: c) != second }
        holdRequests(slow, to: c)
        try await until("b has accepted the second attempt") { field("value", at: b) == "once" }
        holdRequests(slow, to: b)
        await pass(ms: 2)
        holdRequests(reader, to: c)
        await ask(.read, at: reader)
        heal(reader, to: c)

        let crowd = try await instance()
        try await manyWriters(at: crowd)
        try await connectionsAreClosed(slow, to: c)
        heal(slow, to: a, b, c)
        try await connectionsAreBack(slow, to: b, c)
        await pass(ms: 700)
        await ask(.read, at: writer)
    }
}
