extension Stage {
    /// The group was made anew, and `a` comes back with what it held in the life before: the same names, other incarnations, a
    /// higher epoch. It is no member any more, and `b` and `c` are a majority: they must be found, also while `c` is the last
    /// to answer (rule C8).
    func olderLife() async throws(Missed) {
        let keeper = try await instance(upkeep: .hasty)
        await ask(.write("of the life before"), at: keeper)
        replica(b).wipe()
        try await until("it is blank") { identity("state", at: b) == nil }
        try await groupIsWhole()
        let dump = replica(a).dump
        keeper.crash()
        for index in [a, b, c] { replica(index).wipe() }
        await initialise()
        beginAnew()
        replica(a).restore(dump)

        let other = try await instance(upkeep: isHeads() ? .hasty : .none)
        other.paths[c].latencyLeastUs = 5_000
        for number in 1...3 {
            let result = await ask(.write("new \(number)"), at: other, withinMs: 2_000)
            if case .applied = result { continue }
            complain("two of three replicas did not serve: \(result)")
        }
    }
}
