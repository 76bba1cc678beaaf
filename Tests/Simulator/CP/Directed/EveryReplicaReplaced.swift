extension CPScenarioRun {
    /// A key is deleted and its tombstone collected: only the GC watermarks remember its versions. Then all three
    /// replicas are replaced, one after another. Each new one must get the watermark, or the versions of the key begin
    /// again (rules C8, C10).
    func everyReplicaReplaced() async throws(NotReached) {
        let writer = try await instance()
        for number in 1...4 { await ask(.write("old \(number)"), at: writer) }
        await ask(.delete, at: writer)
        let repairer = try await instance(background: .frequent)
        for replica in [a, b, c] {
            try await until("the tombstone is collected") { field("ballot", at: replica) == nil }
        }
        for index in [a, b, c] {
            if coinFlip() { replica(index).wipe() } else { replica(index).replace() }
            try await until("it is blank") { identity("state", at: index) == nil }
            try await groupIsWhole()
            await randomDelay(maxUs: 300_000)
        }
        repairer.crash()
        let other = try await instance()
        await ask(.write("new"), at: other)
        await ask(.read, at: other)
    }
}
