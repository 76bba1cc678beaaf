import EventLoop

extension Stage {
    /// `c` is wiped while an instance beside the replicas writes a key without a pause, and one far away does the rebuild. It
    /// must get its turn at that key: else it would begin again for ever, and the group could not bear to lose another
    /// replica (rule C8).
    func rebuildUnderLoad() async throws(Missed) {
        let writer = try await instance()
        await ask(.write("first"), at: writer)
        let keeper = try await instance(upkeep: .hasty)
        for path in keeper.paths { path.latencyMeanUs = 10_000 }
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
        if tookMs > 8_000 { complain("the rebuild of a group with one key took \(tookMs) ms") }
        isOver = true
        try await until("the writers end") { left == 0 }
    }
}
