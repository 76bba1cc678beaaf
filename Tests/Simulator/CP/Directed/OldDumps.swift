// Replicas that return with old data (rule C8).
extension CPScenarioRun {
    /// `a` is stopped, and restored from a dump that is more than a second old. The dump lacks a write that `a`
    /// accepted later. The rollback counters that the witnesses store must reveal this (rule C8).
    func oldDump() async throws(NotReached) {
        let writer = try await instance()
        let repairer = try await instance(background: .frequent)
        let reader = try await instance()
        try await read(at: reader, afterADumpAgedMs: 1_000, isRestoredPast: writer) {
            repairer.crash()
            holdRequests(writer, to: c)
            await ask(.write("new"), at: writer)
            writer.crash()
        }
    }

    /// All replicas store what `writer` wrote, and a dump of `a` is made. `ageMs` later, `meanwhile` writes a newer
    /// value. Then `a` is restored from that dump. `reader`, which cannot reach `b`, reads the value.
    func read(
        at reader: CPInstance, afterADumpAgedMs ageMs: UInt64, isRestoredPast writer: CPInstance,
        meanwhile: () async throws(NotReached) -> Void
    ) async throws(NotReached) {
        try await writeEverywhere("old", at: writer)
        let dump = replica(a).dump
        await pass(ms: ageMs)
        try await meanwhile()
        cut(reader, from: b)
        replica(a).restore(dump)
        try await connectionsAreClosed(reader, to: a)
        try await connectionsAreBack(reader, to: a)
        await ask(.read, at: reader, withinMs: 3_000)
    }

    /// `a` is restored from an old dump while `b` is unreachable, and `c` was rebuilt a moment ago. Only the rollback
    /// counter that `c` witnessed at its promotion can reveal the dump (rule C8).
    func oldDumpBesideANewMember() async throws(NotReached) {
        let writer = try await instance()
        let reader = try await instance()
        let helper = try await instance()
        let repairer = try await instance(background: .frequent)
        try await read(at: reader, afterADumpAgedMs: 500, isRestoredPast: writer) { () async throws(NotReached) in
            await ask(.write("new"), at: writer)
            writer.crash()
            if coinFlip() { replica(c).wipe() } else { replica(c).replace() }
            try await until("it is blank") { identity("state", at: c) == nil }
            try await until("c is a member again") { identity("state", at: c) == "member" }
            repairer.crash()

            // `helper` stores the current configuration at `c`.
            cut(helper, from: b)
            await ask(.read, of: "other", at: helper, withinMs: 2_000)
            helper.crash()
        }
    }

    /// While `c` is down, `a` is dumped, and later restored from this dump. `c` restarts, and stores only counters of
    /// `a` from before the dump; `b` stores newer ones. An instance starts, and its connection to `b` is established
    /// last. It must ask `b` before it admits `a` (rule C8).
    func oldDumpAtAStart() async throws(NotReached) {
        let writer = try await instance()
        let repairer = try await instance(background: .frequent)
        await ask(.write("old"), at: writer)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == "old" } }
        replica(c).crash()
        await pass(ms: 1_000)
        let dump = replica(a).dump
        await pass(ms: 1_000)
        await ask(.write("new"), at: writer)
        repairer.crash()
        writer.crash()
        replica(a).restore(dump)
        replica(c).start()

        replica(b).pause()
        world.spawn { [self] in
            await pass(ms: 50)
            replica(b).resume()
        }
        let reader = try await instance()
        cut(reader, from: b)
        await ask(.read, at: reader, withinMs: 2_000)
    }

    /// The data of `a` is rolled back by a second while `a` runs, so `a` loses a write that it has accepted. Its
    /// process stays the same, and perhaps its connections do. The counters that the witnesses store must reveal this,
    /// at a periodic comparison or at a reconnect (rule C8).
    func rolledBackInPlace() async throws(NotReached) {
        let writer = try await instance()
        let repairer = try await instance(background: .frequent)
        let reader = try await instance()
        await ask(.write("old"), at: writer)
        try await until("all hold it") { [a, b, c].allSatisfy { field("value", at: $0) == "old" } }
        let dump = replica(a).dump
        await pass(ms: 1_000)
        cut(repairer, from: c)
        holdRequests(writer, to: c)
        await ask(.write("new"), at: writer)
        writer.crash()
        if coinFlip() { repairer.crash() }
        replica(a).rollBack(to: dump)
        if repairer.isRunning {
            await pass(ms: 1_000)
        } else {
            // No instance probes now, so the reader must detect the rollback when it reconnects.
            reader.group.links[a].reset()
            try await connectionsAreBack(reader, to: a)
        }
        cut(reader, from: b)
        await ask(.read, at: reader, withinMs: 2_000)
    }

    /// An instance is near `a`, and far from `b` and `c`. After a restart of `a`, the reply of `a` arrives before the
    /// replies of the witnesses about its counter. The instance must wait for the later replies, or it would never
    /// admit `a` again (rule C8).
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

    /// While no instance runs, `a` and `b` are restored from dumps of different ages. Then two instances start. `c`
    /// shows that both replicas are behind. If both were erased, the group would be lost, because `c` alone is not a
    /// majority (rule C8).
    func twoOldDumps() async throws(NotReached) {
        let instances = [try await instance(background: .frequent), try await instance(background: .frequent)]
        try await writeEverywhere("old", at: instances[0])
        let dumpOfA = replica(a).dump
        await pass(ms: 300)
        let dumpOfB = replica(b).dump
        await pass(ms: 1_000)
        for instance in instances { instance.crash() }
        replica(a).restore(dumpOfA)
        replica(b).restore(dumpOfB)
        for instance in instances {
            instance.restart()
            await randomDelay(maxUs: 5_000)
        }
        for _ in 0..<3_000 {
            await pass(ms: 1)
            guard identity("state", at: a) == nil, identity("state", at: b) == nil else { continue }
            reportViolation("both rolled-back replicas were erased")
            return
        }
    }

    /// The data of `a` and `b` is rolled back to different times while they run and instances are connected. `c` shows
    /// that both are behind. The periodic comparison must erase one and later the other, and never leave both blank at
    /// once. All instances choose the same one first, by its name (rule C8). In the end, both must be rebuilt.
    func twoRolledBackInPlace() async throws(NotReached) {
        let instance = try await instance(background: .frequent)
        try await writeEverywhere("old", at: instance)
        try await until("the counters are raised") { Int(identity("rollback_counter", at: a) ?? "") ?? 0 > 3 }
        if coinFlip() { _ = try await self.instance(background: .frequent) }
        let before = [a, b].map { identity("incarnation", at: $0) }
        let dumpOfA = replica(a).dump
        await pass(ms: 300)
        let dumpOfB = replica(b).dump
        await pass(ms: 1_000)
        replica(a).rollBack(to: dumpOfA)
        replica(b).rollBack(to: dumpOfB)
        for _ in 0..<5_000 {
            await pass(ms: 1)
            if identity("state", at: a) == nil, identity("state", at: b) == nil {
                reportViolation("both rolled-back replicas were erased")
                return
            }
            let isRebuilt = zip([a, b], before).allSatisfy {
                identity("state", at: $0) == "member" && identity("incarnation", at: $0) != $1
            }
            if isRebuilt { return }
        }
        reportViolation("the rolled-back replicas were not both erased and rebuilt")
    }
}
