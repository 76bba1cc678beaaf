import Linearizability

extension Stage {
    /// A change that took effect, was deleted and collected before its author heard of it (rules C6, C10).
    ///
    /// The accept of `slow` reaches `a` alone. A reader completes it, another client deletes the key, the tombstone is
    /// collected: no trace is left but the version floor. When `slow` tries again it must not take "no record" for "not in
    /// this chain".
    func retryAfterCollection() async throws(Missed) {
        let writer = try await instance()
        let slow = try await instance()
        try await leaveHalfDone(.write("once"), by: slow, after: writer)

        await ask(.delete, at: writer)
        let keeper = try await instance(upkeep: .hasty)
        try await until("the tombstone is collected") {
            [a, b, c].allSatisfy { field("ballot", at: $0) == nil }
        }
        keeper.crash()
        try await connectionsAreGivenUp(slow, to: b, c)
        join(slow, to: b, c)
        try await connectionsAreBack(slow, to: b, c)
        await pass(ms: 400)
        await ask(.read, at: writer)
    }

    /// `call` is accepted by `a` alone, on top of a value that all hold; then a reader completes it. Its author hears
    /// nothing of that.
    func leaveHalfDone(
        _ call: RecordedOperation.Call, by slow: CPInstance, after writer: CPInstance
    ) async throws(Missed) {
        try await writeEverywhere("old", at: writer)
        let old = field("promise", at: c)
        hold(slow, to: b)
        begin(call, at: slow)
        try await until("c has promised") { field("promise", at: c) != old }
        hold(slow, to: c)
        try await until("a has accepted") { field("version", at: a) == "2" }
        await pass(ms: 2)
        // It does not see `c`, so it sees `a`.
        let reader = try await instance()
        hold(reader, to: c)
        await ask(.read, at: reader)
        reader.crash()
        try await until("it is chosen") { field("version", at: b) == "2" }
        join(reader, to: c)
    }
}
