// Replicas that missed accepts (rule C11). The instance that must repair them runs its next periodic scan only in ten
// minutes.
extension CPScenarioRun {
    /// `a` rejects writes for some seconds, and so misses a change. It answers the accept with an error, and the
    /// connection stays open. The instance must compare all keys once `a` accepts writes again.
    func catchUpAfterRejectedWrites() async throws(NotReached) {
        let instance = try await instance(background: .usual)
        try await writeEverywhere("first", at: instance)
        // Wait until the scan after the start is over.
        await pass(ms: 3_000)
        replica(a).redis.rejectsWrites = true
        try await until("the rejection is noticed") { !instance.engine.views[a].isWritable }
        await ask(.write("second"), at: instance)
        await randomDelay(maxUs: 2_000_000)
        replica(a).redis.rejectsWrites = false
        await expectCatchUp(of: a, to: "second")
    }

    /// `c` is wiped. An instance rebuilds it, and crashes before it has the reply to the promotion. Another instance,
    /// which was connected all the time, must compare all keys.
    func catchUpOfANewMember() async throws(NotReached) {
        let observer = try await instance(background: .usual)
        let repairer = try await instance(background: .frequent)
        try await writeEverywhere("first", at: observer)
        await pass(ms: 3_000)
        replica(c).wipe()
        try await until("c is promoted") { runs(of: "promote", at: c) > 0 }
        repairer.crash()
        await expectCatchUp(of: c, to: "first")
    }

    private func expectCatchUp(of replica: Int, to value: String) async {
        for _ in 0..<12_000 where field("value", at: replica) != value { await pass(ms: 1) }
        if field("value", at: replica) != value { reportViolation("a replica is still behind after 12 seconds") }
    }
}
