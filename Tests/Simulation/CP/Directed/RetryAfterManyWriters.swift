extension Stage {
    /// A change that took effect, and whose entry sixteen other writers pushed out of the record before its author heard of
    /// it: `since` must tell that it may have been there (rule C6).
    func retryAfterManyWriters() async throws(Missed) {
        let writer = try await instance()
        let slow = try await instance()
        try await leaveHalfDone(.write("once"), by: slow, after: writer)

        let crowd = try await instance()
        try await manyWriters(at: crowd)
        try await connectionsAreGivenUp(slow, to: b, c)
        join(slow, to: b, c)
        try await connectionsAreBack(slow, to: b, c)
        await pass(ms: 400)
        await ask(.read, at: writer)
    }

    /// Sixteen proposers, one after another, each write the key once.
    func manyWriters(at crowd: CPInstance) async throws(Missed) {
        for number in 1...16 {
            await ask(.write("crowd \(number)"), at: crowd)
            try await restart(crowd)
        }
    }
}
