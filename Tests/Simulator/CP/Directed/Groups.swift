// Groups that are initialised again (rule C8).
extension CPScenarioRun {
    /// Two of three replicas are wiped, so the group is lost. `app-cp init` must not make a new group over the rest of
    /// it: all acknowledged data would disappear without an error (rule C8).
    func initOfALostGroup() async throws(NotReached) {
        let writer = try await instance()
        let other = try await instance()
        await ask(.write("old"), at: writer)
        let repairer: CPInstance? = coinFlip() ? try await instance(background: .frequent) : nil
        replica(a).wipe()
        replica(b).wipe()
        await initialise()
        await randomDelay(maxUs: 50_000)
        await ask(.read, at: writer, withinMs: 1_000)
        await ask(.read, at: other, withinMs: 1_000)
        repairer?.crash()
    }

    /// All three replicas are wiped, and the operator makes a new group of them while an instance of the old group
    /// still runs.
    ///
    /// Both groups begin in epoch 1. The instance's cached state and promise must not outlive the old configuration
    /// (rule C8): otherwise its next write replaces what the new group has acknowledged, without having read it.
    func newGroup() async throws(NotReached) {
        let old = try await instance(busyWith: 4)
        for number in 1...5 { await ask(.write("old \(number)"), at: old) }
        if coinFlip() { await ask(.delete, at: old) }
        for index in [a, b, c] { if coinFlip() { replica(index).wipe() } else { replica(index).replace() } }
        try await connectionsAreBack(old, to: a, b, c)
        await initialise()
        try await groupIsWhole()
        discardHistory()

        let new = try await instance()
        await ask(.write("new"), at: new)
        // It learns the configuration through another key, or through this one.
        if coinFlip() { await ask(.read, of: "other", at: old) }
        await randomDelay(maxUs: 50_000)
        await ask(.write("newer"), at: old)
        await ask(.read, at: new)
    }

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
