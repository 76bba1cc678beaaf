extension Stage {
    /// `a` is stopped and given a dump of a second ago, from before a write that it acknowledged. The beats that the others
    /// keep of it must give it away (rule C8).
    func oldDump() async throws(Missed) {
        let writer = try await instance()
        let keeper = try await instance(upkeep: .hasty)
        let reader = try await instance()
        try await read(at: reader, afterADumpAgedMs: 1_000, isRestoredPast: writer) {
            keeper.crash()
            hold(writer, to: c)
            await ask(.write("new"), at: writer)
            writer.crash()
        }
    }

    /// All hold what `writer` wrote when a dump of `a` is made. Some time later comes `meanwhile`, which writes something
    /// newer; then `a` is given that dump, and `reader`, which does not see `b`, asks for the value.
    func read(
        at reader: CPInstance, afterADumpAgedMs ageMs: UInt64, isRestoredPast writer: CPInstance,
        meanwhile: () async throws(Missed) -> Void
    ) async throws(Missed) {
        try await writeEverywhere("old", at: writer)
        let dump = replica(a).dump
        await pass(ms: ageMs)
        try await meanwhile()
        cut(reader, from: b)
        replica(a).restore(dump)
        try await connectionsAreGivenUp(reader, to: a)
        try await connectionsAreBack(reader, to: a)
        await ask(.read, at: reader, withinMs: 3_000)
    }
}
