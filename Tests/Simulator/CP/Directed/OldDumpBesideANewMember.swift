extension CPScenarioRun {
    /// `c` was rebuilt a moment ago when `a` is restored from an old dump, and `b` is unreachable. Only the counter
    /// that `c` witnessed when it was promoted can reveal the dump (rule C8).
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

            // It stores the configuration at `c`.
            cut(helper, from: b)
            await ask(.read, of: "other", at: helper, withinMs: 2_000)
            helper.crash()
        }
    }
}
