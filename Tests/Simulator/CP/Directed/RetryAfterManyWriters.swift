extension CPScenarioRun {
    /// A change that took effect, and whose entry sixteen other writers evicted from the record before its author had a
    /// reply: `evicted_at` must tell that it may have been there (rule C6).
    func retryAfterManyWriters() async throws(NotReached) {
        let writer = try await instance()
        let slow = try await instance()
        try await leaveHalfDone(.write("once"), by: slow, after: writer)

        let crowd = try await instance()
        try await manyWriters(at: crowd)
        try await connectionsAreClosed(slow, to: b, c)
        heal(slow, to: b, c)
        try await connectionsAreBack(slow, to: b, c)
        await pass(ms: 400)
        await ask(.read, at: writer)
    }

    /// Sixteen proposers, one after another, each write the key once.
    func manyWriters(at crowd: CPInstance) async throws(NotReached) {
        for number in 1...16 {
            await ask(.write("crowd \(number)"), at: crowd)
            try await restart(crowd)
        }
    }
}
