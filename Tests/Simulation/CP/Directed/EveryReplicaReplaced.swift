extension Stage {
    /// A key is deleted and collected: only the floors remember its versions. Then all three replicas are replaced, one
    /// after another. The floors must move into each new one, or the versions of the key begin again (rules C8, C10).
    func everyReplicaReplaced() async throws(Missed) {
        let writer = try await instance()
        for number in 1...4 { await ask(.write("old \(number)"), at: writer) }
        await ask(.delete, at: writer)
        let keeper = try await instance(upkeep: .hasty)
        for replica in [a, b, c] {
            try await until("the tombstone is collected") { field("ballot", at: replica) == nil }
        }
        for index in [a, b, c] {
            if isHeads() { replica(index).wipe() } else { replica(index).replace() }
            try await until("it is blank") { identity("state", at: index) == nil }
            try await groupIsWhole()
            await dawdle(maxUs: 300_000)
        }
        keeper.crash()
        let other = try await instance()
        await ask(.write("new"), at: other)
        await ask(.read, at: other)
    }
}
