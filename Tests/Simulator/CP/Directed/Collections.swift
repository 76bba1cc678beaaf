// Tombstones that are collected (rule C10).
extension CPScenarioRun {
    /// A promise must outlive its record (rule C10).
    ///
    /// `a` and `b` promise a high ballot to `late`, which has read a tombstone. Then the tombstone is collected. The
    /// replicas must reject the lower ballot of `quick`. Otherwise the change of `quick` is chosen, and then the accept
    /// of `late`, which has not read that change, overwrites it.
    func promiseBeforeCollection() async throws(NotReached) {
        let writer = try await instance()
        let quick = try await instance(busyWith: 3)
        let late = try await instance(busyWith: 10)
        await ask(.write("old"), at: writer)
        await ask(.delete, at: writer)
        await pass(ms: 20)
        let tombstone = field("promise", at: a)

        holdRequests(late, to: c)
        start(.write("late"), at: late)
        try await until("a and b have promised") {
            [a, b].allSatisfy { field("promise", at: $0) != tombstone }
        }
        holdRequests(late, to: a, b)
        let repairer = try await instance(background: .frequent)
        try await until("the tombstone is collected") {
            [a, b, c].allSatisfy { field("ballot", at: $0) == nil }
        }
        repairer.crash()
        await randomDelay(maxUs: 20_000)
        await ask(.write("quick"), at: quick)
        await randomDelay(maxUs: 50_000)
        heal(late, to: a, b, c)
        await pass(ms: 20)
        await ask(.read, at: writer)
    }

    /// A tombstone is collected only if the replica still stores it (rule C10).
    ///
    /// All three replicas have reported the tombstone, and the commands that collect it are delayed. Meanwhile the key
    /// is written again. Then the commands arrive. They must leave the new value in place.
    func lateCollection() async throws(NotReached) {
        let writer = try await instance()
        let reader = try await instance()
        await ask(.write("old"), at: writer)
        await ask(.delete, at: writer)
        try await until("all hold the tombstone") { [a, b, c].allSatisfy { field("version", at: $0) == "2" } }

        let repairer = try await instance(background: .frequent)
        try await until("the tombstone was seen at all replicas") {
            [a, b, c].allSatisfy { runs(of: "inspect", on: "k", at: $0) > 0 }
        }
        holdRequests(repairer, to: a, b, c)
        await randomDelay(maxUs: 20_000)
        await ask(.write("new"), at: writer)
        await randomDelay(maxUs: 20_000)
        heal(repairer, to: a, b, c)
        try await until("the commands have arrived") {
            [a, b, c].allSatisfy { runs(of: "collect", on: "k", at: $0) > 0 }
        }
        repairer.crash()
        await ask(.read, at: reader)
    }

    /// A key was deleted and its tombstone collected, so that only the GC watermarks cover its versions. Then all three
    /// replicas are wiped or replaced, one after another. Each new replica must get the watermark. Otherwise the key's
    /// versions would begin again (rules C8, C10).
    func everyReplicaReplaced() async throws(NotReached) {
        let writer = try await instance()
        for number in 1...4 { await ask(.write("old \(number)"), at: writer) }
        await ask(.delete, at: writer)
        let repairer = try await instance(background: .frequent)
        for replica in [a, b, c] {
            try await until("the tombstone is collected") { field("ballot", at: replica) == nil }
        }
        for index in [a, b, c] {
            if coinFlip() { replica(index).wipe() } else { replica(index).replace() }
            try await until("it is blank") { identity("state", at: index) == nil }
            try await groupIsWhole()
            await randomDelay(maxUs: 300_000)
        }
        repairer.crash()
        let other = try await instance()
        await ask(.write("new"), at: other)
        await ask(.read, at: other)
    }
}
