import Linearizability

extension CPScenarioRun {
    /// A change that took effect, was deleted and collected before its author had a reply (rules C6, C10).
    ///
    /// The accept of `slow` reaches `a` alone. A reader completes it, another client deletes the key, the tombstone is
    /// collected: only the GC version remains. When `slow` retries, "no record" must not count as "not in this chain".
    func retryAfterCollection() async throws(NotReached) {
        let writer = try await instance()
        let slow = try await instance()
        try await leaveHalfDone(.write("once"), by: slow, after: writer)

        await ask(.delete, at: writer)
        let repairer = try await instance(background: .frequent)
        try await until("the tombstone is collected") {
            [a, b, c].allSatisfy { field("ballot", at: $0) == nil }
        }
        repairer.crash()
        try await connectionsAreClosed(slow, to: b, c)
        heal(slow, to: b, c)
        try await connectionsAreBack(slow, to: b, c)
        await pass(ms: 400)
        await ask(.read, at: writer)
    }

    /// `call` is accepted by `a` alone, on top of a value that all replicas hold. Then a reader completes it. Its
    /// author gets no reply.
    func leaveHalfDone(
        _ call: RegisterOperation.Call, by slow: CPInstance, after writer: CPInstance
    ) async throws(NotReached) {
        try await writeEverywhere("old", at: writer)
        let old = field("promise", at: c)
        holdRequests(slow, to: b)
        start(call, at: slow)
        try await until("c has promised") { field("promise", at: c) != old }
        holdRequests(slow, to: c)
        try await until("a has accepted") { field("version", at: a) == "2" }
        await pass(ms: 2)
        // It cannot reach `c`, so it reads `a`.
        let reader = try await instance()
        holdRequests(reader, to: c)
        await ask(.read, at: reader)
        reader.crash()
        try await until("it is chosen") { field("version", at: b) == "2" }
        heal(reader, to: c)
    }
}
