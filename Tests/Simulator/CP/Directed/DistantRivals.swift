extension CPScenarioRun {
    /// An instance near the replicas writes a key without pause: with a cached promise, one round trip per write.
    /// Distant instances need two for theirs, and must get their turns (rule C4).
    func distantRivals() async throws(NotReached) {
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
                    reportViolation("write \(number) of far instance \(place) ran out of its second: \(result)")
                }
                left -= 1
            }
        }
        try await until("all have written") { left == 0 }
        isOver = true
    }
}
