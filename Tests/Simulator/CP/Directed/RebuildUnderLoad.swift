import EventLoop

extension CPScenarioRun {
    /// `c` is wiped while an instance near the replicas writes a key without pause. A distant instance does the rebuild
    /// and must get its turn at that key. Otherwise it would start over for ever, and the group could not survive the
    /// loss of another replica (rule C8).
    func rebuildUnderLoad() async throws(NotReached) {
        let writer = try await instance()
        await ask(.write("first"), at: writer)
        let repairer = try await instance(background: .frequent)
        for path in repairer.paths { path.latencyMeanUs = 10_000 }
        var isOver = false
        var left = 2
        for client in 1...left {
            world.spawn { [self] in
                while !isOver { await ask(.write("again \(client)"), at: writer) }
                left -= 1
            }
        }
        replica(c).wipe()
        let startNs = world.nowNs
        try await untilSlowly("c is a member again") { identity("state", at: c) == "member" }
        let tookMs = (world.nowNs - startNs) / nsPerMs
        if tookMs > 8_000 { reportViolation("the rebuild of a group with one key took \(tookMs) ms") }
        isOver = true
        try await until("the writers end") { left == 0 }
    }
}
