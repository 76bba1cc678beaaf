extension Stage {
    /// One instance beside the replicas writes a key without a pause, by the promise that it has from its last write: one
    /// round trip a write. Others, far away, need two for theirs. They must get their turns all the same.
    func farRivals() async throws(Missed) {
        let near = try await instance()
        let far = [try await instance(), try await instance(), try await instance()]
        for instance in far {
            for path in instance.paths { path.latencyMeanUs = 1_000 }
        }
        await ask(.write("first"), at: near)
        var isOver = false
        for client in 1...2 {
            world.spawn { [self] in
                while !isOver { await ask(.write("near \(client)"), at: near) }
            }
        }
        await pass(ms: 20)
        var left = far.count
        for (place, instance) in far.enumerated() {
            world.spawn { [self] in
                for number in 1...4 {
                    let result = await ask(.write("far \(place) \(number)"), at: instance, withinMs: 1_000)
                    if case .applied = result { continue }
                    complain("write \(number) of far instance \(place) ran out of its second: \(result)")
                }
                left -= 1
            }
        }
        try await until("all have written") { left == 0 }
        isOver = true
    }
}
