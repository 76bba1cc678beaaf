extension CPScenarioRun {
    /// A tombstone is collected only while the replica still holds it (rule C10).
    ///
    /// All three replicas have reported the tombstone, and the commands that collect it are delayed. Meanwhile the key
    /// is written again. The commands arrive, and must leave the new value in place.
    func lateCollection() async throws(NotReached) {
        let writer = try await instance()
        let reader = try await instance()
        await ask(.write("old"), at: writer)
        await ask(.delete, at: writer)
        try await until("all hold the tombstone") { [a, b, c].allSatisfy { field("version", at: $0) == "2" } }

        let repairer = try await instance(background: .frequent)
        try await until("the tombstone was seen at all replicas") {
            [a, b, c].allSatisfy { runs(of: "inspect", on: "k", at: $0) > 0 }
        }
        holdRequests(repairer, to: a, b, c)
        await randomDelay(maxUs: 20_000)
        await ask(.write("new"), at: writer)
        await randomDelay(maxUs: 20_000)
        heal(repairer, to: a, b, c)
        try await until("the commands have arrived") {
            [a, b, c].allSatisfy { runs(of: "collect", on: "k", at: $0) > 0 }
        }
        repairer.crash()
        await ask(.read, at: reader)
    }
}
