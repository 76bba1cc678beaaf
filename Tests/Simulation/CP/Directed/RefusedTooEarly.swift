extension Stage {
    /// A later attempt that does not find the earlier one does not prove that it is nowhere (rule C7).
    ///
    /// The first attempt of a compare-and-set is accepted by `a` alone. The second sees `b` and `c`, where the condition
    /// does not hold, but is not chosen before the client's time is over. What became of the change is unknown: a reader
    /// that sees `a` completes it.
    func refusedTooEarly() async throws(Missed) {
        let writer = try await instance()
        let slow = try await instance()
        let reader = try await instance()
        try await leaveABranch(after: writer)

        let request = try await attemptTwice(.compareAndSet(version: 31, "once"), by: slow, withinMs: 1_800)
        try await until("its time is over") { request.isAnswered }
        slow.crash()
        try await connectionsAreBack(reader, to: b, c)
        hold(reader, to: c)
        await ask(.read, at: reader)
    }
}
