extension Stage {
    /// All three replicas are wiped, and the operator makes a new group of them while an instance of the old one still runs.
    ///
    /// Both groups begin in epoch 1. What the instance remembers of the old one, a state and the promise of a ballot, must
    /// not outlive that group's configuration (rule C8): else its next write passes over what the new group has
    /// acknowledged.
    func newGroup() async throws(Missed) {
        let old = try await instance(busyWith: 4)
        for number in 1...5 { await ask(.write("old \(number)"), at: old) }
        if isHeads() { await ask(.delete, at: old) }
        for index in [a, b, c] { if isHeads() { replica(index).wipe() } else { replica(index).replace() } }
        try await connectionsAreBack(old, to: a, b, c)
        await initialise()
        try await groupIsWhole()
        beginAnew()

        let new = try await instance()
        await ask(.write("new"), at: new)
        // It learns the configuration by another key, or by this one.
        if isHeads() { await ask(.read, of: "other", at: old) }
        await dawdle(maxUs: 50_000)
        await ask(.write("newer"), at: old)
        await ask(.read, at: new)
    }
}
