extension CPScenarioRun {
    /// An instance is near `a` and far from `b` and `c`. After a restart of `a`, what the witnesses know of its counter
    /// arrives later than the reply of `a` itself. The instance must wait for it, or it would never admit `a` again
    /// (rule C8).
    func distantWitnesses() async throws(NotReached) {
        let instance = try await instance()
        await ask(.write("first"), at: instance)
        for far in [b, c] { instance.paths[far].latencyLeastUs = 70_000 }
        replica(a).crash()
        await randomDelay(maxUs: 300_000)
        replica(a).start()
        await pass(ms: 5_000)
        cut(instance, from: c)
        let result = await ask(.write("second"), at: instance, withinMs: 3_000)
        if case .applied = result { return }
        reportViolation("two of three replicas did not serve: \(result)")
    }
}
