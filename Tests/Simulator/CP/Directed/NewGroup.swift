extension CPScenarioRun {
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
}
