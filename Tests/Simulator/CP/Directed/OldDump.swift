extension CPScenarioRun {
    /// `a` is stopped and restored from a dump of a second ago, from before a write that it acknowledged. The counters
    /// that the witnesses hold must reveal that (rule C8).
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

    /// All replicas hold what `writer` wrote when a dump of `a` is made. Some time later `meanwhile` writes something
    /// newer. Then `a` is restored from that dump, and `reader`, which cannot reach `b`, reads the value.
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
}
