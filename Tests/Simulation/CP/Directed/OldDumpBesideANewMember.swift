extension Stage {
    /// `c` was rebuilt a moment ago when `a` is stopped and given an old dump, and `b` is out of reach: what `c` knows of the
    /// beat of `a` is all there is to give the dump away (rule C8).
    func oldDumpBesideANewMember() async throws(Missed) {
        let writer = try await instance()
        let reader = try await instance()
        let helper = try await instance()
        let keeper = try await instance(upkeep: .hasty)
        try await read(at: reader, afterADumpAgedMs: 500, isRestoredPast: writer) { () async throws(Missed) in
            await ask(.write("new"), at: writer)
            writer.crash()
            if isHeads() { replica(c).wipe() } else { replica(c).replace() }
            try await until("it is blank") { identity("state", at: c) == nil }
            try await until("c is a member again") { identity("state", at: c) == "member" }
            keeper.crash()

            // It makes the configuration known at `c`.
            cut(helper, from: b)
            await ask(.read, of: "other", at: helper, withinMs: 2_000)
            helper.crash()
        }
    }
}
