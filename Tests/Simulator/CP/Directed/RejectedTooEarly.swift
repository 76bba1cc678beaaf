extension CPScenarioRun {
    /// A later attempt that does not find an earlier one does not prove that the earlier one has no effect (rule C7).
    ///
    /// The first attempt of a compare-and-set is accepted by `a` alone. The second reads `b` and `c`, where the
    /// condition does not hold, and is not chosen before the client's deadline. The outcome is unknown: a reader that
    /// reaches `a` completes the change.
    func rejectedTooEarly() async throws(NotReached) {
        let writer = try await instance()
        let slow = try await instance()
        let reader = try await instance()
        try await leaveABranch(after: writer)

        let request = try await attemptTwice(.compareAndSet(version: 31, "once"), by: slow, withinMs: 1_800)
        try await until("its time is over") { request.isAnswered }
        slow.crash()
        try await connectionsAreBack(reader, to: b, c)
        holdRequests(reader, to: c)
        await ask(.read, at: reader)
    }
}
