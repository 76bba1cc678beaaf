extension Stage {
    /// An instance beside `a`, with `b` and `c` an ocean away: when `a` was started anew, what the others know of its beat takes
    /// longer to come than `a` itself to answer. It must be waited for, or `a` would never count again (rule C8).
    func farVouchers() async throws(Missed) {
        let instance = try await instance()
        await ask(.write("first"), at: instance)
        for far in [b, c] { instance.paths[far].latencyLeastUs = 70_000 }
        replica(a).crash()
        await dawdle(maxUs: 300_000)
        replica(a).start()
        await pass(ms: 5_000)
        cut(instance, from: c)
        let result = await ask(.write("second"), at: instance, withinMs: 3_000)
        if case .applied = result { return }
        complain("two of three replicas did not serve: \(result)")
    }
}
