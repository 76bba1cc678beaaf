import Linearizability

extension Stage {
    /// Two attempts of one change, on top of two states, and the first is the one that is chosen (rule C6): the answer is
    /// what that attempt computed.
    ///
    /// `a` alone holds the writes of an instance that is gone. The first attempt stands on them, and reaches `a` alone;
    /// the second sees `b` and `c` only, and reaches nobody. A reader then completes the first.
    func retryOnAnotherBranch() async throws(Missed) {
        let writer = try await instance()
        let slow = try await instance()
        let reader = try await instance()
        try await leaveABranch(after: writer)

        let request = try await attemptTwice(.write("once"), by: slow)
        try await connectionsAreBack(reader, to: b, c)
        hold(reader, to: c)
        await ask(.read, at: reader)
        join(reader, to: c)
        try await connectionsAreGivenUp(slow, to: b, c)
        join(slow, to: a, b, c)
        try await until("it is answered") { request.isAnswered }
        try await connectionsAreBack(writer, to: b, c)
        await ask(.read, at: writer)
    }

    /// One write of thirty is chosen; then `a` alone accepts the others, in one batch, and their author is gone.
    func leaveABranch(after writer: CPInstance) async throws(Missed) {
        try await writeEverywhere("old", at: writer)
        let lost = try await instance(busyWith: 1)
        // The first goes by itself, and the others wait for it and become one batch.
        hold(lost, to: c)
        for number in 1...30 { begin(.write("lost \(number)"), at: lost) }
        try await until("b has accepted the first") { field("version", at: b) == "2" }
        hold(lost, to: b)
        try await until("a has accepted them all") { field("version", at: a) == "31" }
        lost.crash()
    }

    /// The first attempt is based on what `a` holds, and accepted by `a` alone; the second on what `b` and `c` hold, and on
    /// its way to them.
    func attemptTwice(
        _ call: RecordedOperation.Call, by slow: CPInstance, withinMs: UInt64 = 10_000
    ) async throws(Missed) -> Request {
        cut(slow, from: c)
        let old = field("promise", at: b)
        let request = begin(call, at: slow, withinMs: withinMs)
        try await until("b has promised") { field("promise", at: b) != old }
        hold(slow, to: b)
        try await until("a has accepted the first attempt") { field("version", at: a) == "32" }
        cut(slow, from: a)
        try await connectionsAreGivenUp(slow, to: a, b, c)
        // What is on its way to them ends with their processes.
        for index in [b, c] {
            replica(index).crash()
            replica(index).start()
        }
        let first = (field("promise", at: b), field("promise", at: c))
        join(slow, to: b, c)
        try await until("b has promised again") { field("promise", at: b) != first.0 }
        hold(slow, to: b)
        try await until("c has promised again") { field("promise", at: c) != first.1 }
        hold(slow, to: c)
        await pass(ms: 2)
        return request
    }
}
