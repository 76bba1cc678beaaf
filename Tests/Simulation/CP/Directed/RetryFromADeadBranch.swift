extension Stage {
    /// Versions of a branch that died say nothing about the chain that lives (rule C6).
    ///
    /// `a` alone holds a batch of writes that is never chosen. The first attempt stands on them, at version 31, and reaches
    /// nobody. The second stands on version 3, is accepted by `b` and completed by a reader; then sixteen writers push its
    /// entry out, at version 20. Compared with 31 that looks like "long before my first attempt".
    func retryFromADeadBranch() async throws(Missed) {
        let writer = try await instance()
        let slow = try await instance()
        let rival = try await instance()
        let reader = try await instance()
        try await leaveABranch(after: writer)

        cut(slow, from: c)
        let branch = (field("promise", at: a), field("promise", at: b))
        begin(.write("once"), at: slow)
        try await until("a has promised") { field("promise", at: a) != branch.0 }
        hold(slow, to: a)
        try await until("b has promised") { field("promise", at: b) != branch.1 }
        hold(slow, to: b)
        await pass(ms: 2)
        cut(rival, from: a)
        await ask(.write("rival"), at: rival)
        // The second attempt.
        try await connectionsAreGivenUp(slow, to: a, b, c)
        let second = field("promise", at: c)
        join(slow, to: b, c)
        try await until("c has promised") { field("promise", at: c) != second }
        hold(slow, to: c)
        try await until("b has accepted the second attempt") { field("value", at: b) == "once" }
        hold(slow, to: b)
        await pass(ms: 2)
        hold(reader, to: c)
        await ask(.read, at: reader)
        join(reader, to: c)

        let crowd = try await instance()
        try await manyWriters(at: crowd)
        try await connectionsAreGivenUp(slow, to: c)
        join(slow, to: a, b, c)
        try await connectionsAreBack(slow, to: b, c)
        await pass(ms: 700)
        await ask(.read, at: writer)
    }
}
