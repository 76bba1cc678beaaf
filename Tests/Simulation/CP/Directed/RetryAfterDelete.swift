extension Stage {
    /// A change that took effect right after a delete, and whose author did not hear of it (rule C6).
    ///
    /// Nobody sees the change before it is tried again. If it were applied once more, nothing but its version would tell, and
    /// only to one who knows which version must come next.
    func retryAfterDelete() async throws(Missed) {
        let writer = try await instance()
        let slow = try await instance()
        await ask(.write("old"), at: writer)
        await ask(.delete, at: writer)
        try await until("all hold the tombstone") { [a, b, c].allSatisfy { field("version", at: $0) == "2" } }
        if isHeads() {
            let keeper = try await instance(upkeep: .hasty)
            try await until("the tombstone is collected") { [a, b, c].allSatisfy { field("ballot", at: $0) == nil } }
            keeper.crash()
        }

        let request = begin(.write("once"), at: slow)
        try await until("one has accepted") { [a, b, c].contains { field("version", at: $0) == "3" } }
        mute(slow, from: a, b, c)
        try await until("all have accepted") { [a, b, c].allSatisfy { field("version", at: $0) == "3" } }
        try await connectionsAreGivenUp(slow, to: a, b, c)
        join(slow, to: a, b, c)
        try await until("it is answered") { request.isAnswered }
        await ask(.read, at: writer)
    }
}
