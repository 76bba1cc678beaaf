extension CPScenarioRun {
    /// A change that took effect right after a delete, and whose author got no reply (rule C6).
    ///
    /// Nobody reads the change before it is retried. If it were applied twice, only its version would show that, and
    /// only to a reader who knows the version that must come next.
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
}
