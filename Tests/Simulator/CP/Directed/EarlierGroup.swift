extension CPScenarioRun {
    /// The group was initialised again, and `a` comes back with its data from the earlier group: same names, other
    /// incarnations, a higher epoch. It is no member, and `b` and `c` are a majority. Their configuration must be
    /// found, even if `c` answers last (rule C8).
    func earlierGroup() async throws(NotReached) {
        let repairer = try await instance(background: .frequent)
        await ask(.write("of the life before"), at: repairer)
        replica(b).wipe()
        try await until("it is blank") { identity("state", at: b) == nil }
        try await groupIsWhole()
        let dump = replica(a).dump
        repairer.crash()
        for index in [a, b, c] { replica(index).wipe() }
        await initialise()
        discardHistory()
        replica(a).restore(dump)

        let other = try await instance(background: coinFlip() ? .frequent : .none)
        other.paths[c].latencyLeastUs = 5_000
        for number in 1...3 {
            let result = await ask(.write("new \(number)"), at: other, withinMs: 2_000)
            if case .applied = result { continue }
            reportViolation("two of three replicas did not serve: \(result)")
        }
    }
}
