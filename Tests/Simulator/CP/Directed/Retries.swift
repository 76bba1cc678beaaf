import Linearizability

// Changes whose author gets no reply and tries again (rules C6, C7).
extension CPScenarioRun {
    /// A change takes effect right after a delete, but its author gets no reply (rule C6).
    ///
    /// No client reads the change before its author retries it. If the change were applied twice, only its version
    /// would show that, and only to a reader that knows which version must come next.
    func retryAfterDelete() async throws(NotReached) {
        let writer = try await instance()
        let slow = try await instance()
        await ask(.write("old"), at: writer)
        await ask(.delete, at: writer)
        try await until("all hold the tombstone") { [a, b, c].allSatisfy { field("version", at: $0) == "2" } }
        if coinFlip() {
            let repairer = try await instance(background: .frequent)
            try await until("the tombstone is collected") { [a, b, c].allSatisfy { field("ballot", at: $0) == nil } }
            repairer.crash()
        }

        let request = start(.write("once"), at: slow)
        try await until("one has accepted") { [a, b, c].contains { field("version", at: $0) == "3" } }
        holdReplies(slow, from: a, b, c)
        try await until("all have accepted") { [a, b, c].allSatisfy { field("version", at: $0) == "3" } }
        try await connectionsAreClosed(slow, to: a, b, c)
        heal(slow, to: a, b, c)
        try await until("it is answered") { request.isAnswered }
        await ask(.read, at: writer)
    }

    /// A change takes effect and is deleted, and its tombstone is collected, before its author has enough replies
    /// (rules C6, C10).
    ///
    /// The accept of `slow` reaches `a` alone. A reader completes the change, another client deletes the key, and the
    /// tombstone is collected. Only the GC watermark remains. When `slow` retries, the missing record must not count as
    /// proof that the change is not among the chosen states.
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

    /// `a` alone accepts `call`, on top of a value that all replicas store. Then a reader completes the change. Its
    /// author does not get enough replies.
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
        // The reader cannot reach `c`, so it reads from `a`.
        let reader = try await instance()
        holdRequests(reader, to: c)
        await ask(.read, at: reader)
        reader.crash()
        try await until("it is chosen") { field("version", at: b) == "2" }
        heal(reader, to: c)
    }

    /// A change takes effect. Sixteen other writers evict its entry from the record before its author has enough
    /// replies. `evicted_at` must show that the entry may have been there (rule C6).
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

    /// Sixteen proposers write the key once each, one after another.
    func manyWriters(at crowd: CPInstance) async throws(NotReached) {
        for number in 1...16 {
            await ask(.write("crowd \(number)"), at: crowd)
            try await restart(crowd)
        }
    }

    /// One change has two attempts, based on two different states, and the first attempt is chosen (rule C6). The
    /// answer must be what the first attempt computed.
    ///
    /// Only `a` has the writes of an instance that crashed. The first attempt is based on these writes, and reaches `a`
    /// alone. The second attempt reads only `b` and `c`, and reaches no replica. Then a reader completes the first
    /// attempt.
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

    /// One of thirty writes is chosen. Then `a` alone accepts the others, in one batch, and their author crashes.
    func leaveABranch(after writer: CPInstance) async throws(NotReached) {
        try await writeEverywhere("old", at: writer)
        let lost = try await instance(busyWith: 1)
        // The first write is a batch by itself. The others wait for it, and become one batch.
        holdRequests(lost, to: c)
        for number in 1...30 { start(.write("lost \(number)"), at: lost) }
        try await until("b has accepted the first") { field("version", at: b) == "2" }
        holdRequests(lost, to: b)
        try await until("a has accepted them all") { field("version", at: a) == "31" }
        lost.crash()
    }

    /// Tries a change twice. The first attempt is based on what `a` stores, and only `a` accepts it. The second is
    /// based on what `b` and `c` store, and is still in transit to them.
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
        // Commands in transit to `b` and `c` are lost, because the processes for which they were meant end.
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

    /// The versions of an abandoned branch show nothing about the chosen states (rule C6).
    ///
    /// Only `a` has a batch of writes that is never chosen. The first attempt is based on it, at version 31, and
    /// reaches no replica. The second is based on version 3, is accepted by `b`, and a reader completes it. Then
    /// sixteen writers evict its entry at version 20. This version is below 31, but above the base of the second
    /// attempt. So the instance must not conclude that no attempt was ever part of the history.
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
        // From here, `slow` makes its second attempt.
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

    /// If a later attempt does not find an earlier attempt, the earlier attempt may still take effect (rule C7).
    ///
    /// The first attempt of a compare-and-set is accepted by `a` alone. The second reads `b` and `c`, where the
    /// condition does not hold, and is not chosen before the client's deadline. So the outcome is unknown: a reader
    /// that reaches `a` completes the change.
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

    /// If two replicas have rejected an accept, but the third has not replied, the outcome must not be `not_applied`
    /// (rule C7).
    ///
    /// `a` accepts the write of `slow`. The reply is lost with the connection, or is missing at the client's deadline.
    /// `b` and `c` have promised a higher ballot to `rival`, which crashes, so they reject the write. A reader that
    /// reaches `a` completes the write.
    func unknownAtOneReplica() async throws(NotReached) {
        let writer = try await instance()
        let slow = try await instance()
        let rival = try await instance()
        let reader = try await instance()
        try await writeEverywhere("old", at: writer)

        let old = [b, c].map { field("promise", at: $0) }
        let isLost = coinFlip()
        let request = start(.write("once"), at: slow, withinMs: isLost ? 1_800 : 300)
        try await until("b and c have promised") {
            zip([b, c], old).allSatisfy { field("promise", at: $0) != $1 }
        }
        holdRequests(slow, to: b, c)
        try await until("a has accepted") { field("value", at: a) == "once" }
        holdReplies(slow, from: a)

        cut(rival, from: a)
        let promised = [b, c].map { field("promise", at: $0) }
        start(.write("rival"), at: rival, withinMs: 1_000)
        try await until("b and c have promised a higher ballot") {
            zip([b, c], promised).allSatisfy { field("promise", at: $0) != $1 }
        }
        rival.crash()

        let rejected = [b, c].map { runs(of: "accept", on: "k", at: $0) }
        heal(slow, to: b, c)
        try await until("b and c have rejected it") {
            zip([b, c], rejected).allSatisfy { runs(of: "accept", on: "k", at: $0) > $1 }
        }
        holdRequests(slow, to: a, b, c)
        if isLost { try await connectionsAreClosed(slow, to: a) }
        try await until("the client's time is over") { request.isAnswered }
        slow.crash()
        holdRequests(reader, to: c)
        await ask(.read, at: reader)
    }
}
