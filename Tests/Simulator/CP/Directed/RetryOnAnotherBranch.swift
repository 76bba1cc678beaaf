import Linearizability

extension CPScenarioRun {
    /// Two attempts of one change, on top of two different states, of which the first is chosen (rule C6): the answer
    /// is what that attempt computed.
    ///
    /// `a` alone holds the writes of an instance that crashed. The first attempt is based on them and reaches `a`
    /// alone; the second reads `b` and `c` only and reaches no replica. A reader then completes the first.
    func retryOnAnotherBranch() async throws(NotReached) {
        let writer = try await instance()
        let slow = try await instance()
        let reader = try await instance()
        try await leaveABranch(after: writer)

        let request = try await attemptTwice(.write("once"), by: slow)
        try await connectionsAreBack(reader, to: b, c)
        holdRequests(reader, to: c)
        await ask(.read, at: reader)
        heal(reader, to: c)
        try await connectionsAreClosed(slow, to: b, c)
        heal(slow, to: a, b, c)
        try await until("it is answered") { request.isAnswered }
        try await connectionsAreBack(writer, to: b, c)
        await ask(.read, at: writer)
    }

    /// One write of thirty is chosen. Then `a` alone accepts the others, in one batch, and their author crashes.
    func leaveABranch(after writer: CPInstance) async throws(NotReached) {
        try await writeEverywhere("old", at: writer)
        let lost = try await instance(busyWith: 1)
        // The first is a batch of its own; the others wait for it and become one batch.
        holdRequests(lost, to: c)
        for number in 1...30 { start(.write("lost \(number)"), at: lost) }
        try await until("b has accepted the first") { field("version", at: b) == "2" }
        holdRequests(lost, to: b)
        try await until("a has accepted them all") { field("version", at: a) == "31" }
        lost.crash()
    }

    /// The first attempt is based on what `a` holds, and accepted by `a` alone. The second is based on what `b` and `c`
    /// hold, and on its way to them.
    func attemptTwice(
        _ call: RegisterOperation.Call, by slow: CPInstance, withinMs: UInt64 = 10_000
    ) async throws(NotReached) -> Request {
        cut(slow, from: c)
        let old = field("promise", at: b)
        let request = start(call, at: slow, withinMs: withinMs)
        try await until("b has promised") { field("promise", at: b) != old }
        holdRequests(slow, to: b)
        try await until("a has accepted the first attempt") { field("version", at: a) == "32" }
        cut(slow, from: a)
        try await connectionsAreClosed(slow, to: a, b, c)
        // Commands on their way to them are lost with their processes.
        for index in [b, c] {
            replica(index).crash()
            replica(index).start()
        }
        let first = (field("promise", at: b), field("promise", at: c))
        heal(slow, to: b, c)
        try await until("b has promised again") { field("promise", at: b) != first.0 }
        holdRequests(slow, to: b)
        try await until("c has promised again") { field("promise", at: c) != first.1 }
        holdRequests(slow, to: c)
        await pass(ms: 2)
        return request
    }
}
