import Consistent
import EventLoop
import Replication

// Groups that are initialised again (rule C8), and groups that reject writes (rule C9).
extension CPScenarioRun {
    /// Two of three replicas are wiped, so the group is lost. `app-cp init` must not create a new group that includes
    /// the third one, because all acknowledged data would disappear without an error (rule C8).
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

    /// All three replicas are wiped. The operator creates a new group of them while an instance of the old group still
    /// runs.
    ///
    /// Both groups begin in epoch 1. The old instance must drop its cached state and promise with the old configuration
    /// (rule C8). Otherwise its next write would replace what the new group has acknowledged, without having read it.
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
        // The instance learns the new configuration through another key, or through the key of the scenario.
        if coinFlip() { await ask(.read, of: "other", at: old) }
        await randomDelay(maxUs: 50_000)
        await ask(.write("newer"), at: old)
        await ask(.read, at: new)
    }

    /// The group was initialised again, and `a` returns with its data from the earlier group: the same names, other
    /// incarnations, a higher epoch. `a` is not a member of the new group, but `b` and `c` are a majority. The instance
    /// must find their configuration even if `c` answers last (rule C8).
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

    /// `a` rejects writes, which `INFO` does not show. The instance must detect this by its own probe write. It must
    /// not be ready once `b` rejects writes too (rule C9).
    func rejectedWrites() async throws(NotReached) {
        let instance = try await instance(background: .frequent)
        await ask(.write("first"), at: instance)
        try await until("all accept writes") { instance.engine.views.allSatisfy(\.isWritable) }
        replica(a).redis.rejectsWrites = true
        await pass(ms: 500)
        if instance.engine.views[a].writeError == nil { reportViolation("a replica rejects writes and looks healthy") }
        if await notReady(instance) != nil { reportViolation("not ready although two replicas accept writes") }
        await ask(.write("second"), at: instance)

        replica(b).redis.rejectsWrites = true
        await pass(ms: 500)
        if await notReady(instance) == nil { reportViolation("ready although no write can succeed") }
        await ask(.write("third"), at: instance, withinMs: 500)

        for replica in [a, b] { self.replica(replica).redis.rejectsWrites = false }
        await pass(ms: 500)
        if let failure = await notReady(instance) { reportViolation("not ready: \(failure.detail)") }
        await ask(.write("fourth"), at: instance)
        await ask(.read, at: instance)
    }

    private func notReady(_ instance: CPInstance) async -> StoreFailure? {
        let deadlineNs = world.nowNs + 500 * nsPerMs
        return await instance.run { await $0.checkReadiness(deadlineNs: deadlineNs) } ?? nil
    }
}
