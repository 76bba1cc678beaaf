import EventLoop
import Replication

/// Who a replica is: asked on each new connection before anything else, and again when it is another (DESIGN A2).
extension AvailableEngine {
    public func admit(replica: Int) async -> Bool {
        clocks.forget(replica)
        return await adopt(replica)
    }

    public func replicaDidConnect(_ replica: Int) {
        order.invalidate()
        for other in states.indices {
            batchSizes[replica][other].begin()
            batchSizes[other][replica].begin()
        }
    }

    public func replicaDidDisconnect(_ replica: Int) {
        clocks.forget(replica)
        order.invalidate()
        guard isRunning else { return }
        note(states[replica].watch.silent(), replica)
    }

    /// Learns the replica's incarnation, or gives it a new one where its `run_id` is not the one it was adopted under.
    private func adopt(_ replica: Int) async -> Bool {
        let deadlineNs = scheduler.nowNs + settings.callTimeoutMs * nsPerMs
        guard let info = await ask(.plain("INFO"), replica, deadlineNs)?.bytes,
            let runId = Self.fact("run_id", in: info)
        else { return false }
        if let reason = Self.eviction(info) {
            refused(replica, reason)
            return false
        }
        let words = [
            Bytes(settings.groupName.utf8), states[replica].nameBytes, runId,
            Bytes(hexadecimal: scheduler.randomBits()), Bytes(decimal: latestClockUs(beside: replica)),
            Bytes(decimal: UInt64(max(0, settings.tombstoneGraceMs)) * 500),
            settings.admittedReplicas.contains(states[replica].name) ? Words.one : Words.zero,
        ]
        let command = Command(.script(AvailableScripts.adopt, keys: []), arguments: words)
        guard let reply = await ask(command, replica, deadlineNs) else { return false }
        guard let elements = ScriptReply(reply).ok, elements.count >= 5, let incarnation = elements[1].bytes,
            let steps = elements[2].bytes, let nowUs = elements[3].number
        else {
            refused(replica, Self.refusal(reply))
            return false
        }
        states[replica].refusal = nil
        if states[replica].incarnation != incarnation {
            states[replica].incarnation = incarnation
            states[replica].becameAnother()
        }
        clocks.adopt(
            replica,
            ReplicaClock(incarnation: incarnation, steps: steps, timeUs: nowUs, receivedNs: scheduler.nowNs))
        order.invalidate()
        if elements[4].int64 == 1 {
            observer?.replicaAdopted(replica, incarnation: String(decoding: incarnation, as: UTF8.self))
        }
        return true
    }

    private func ask(_ command: Command, _ replica: Int, _ deadlineNs: UInt64) async -> Reply? {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        call.send(command, to: [replica], duringAdmission: true)
        await call.waitForAll()
        return call.replies[replica]
    }

    /// The latest clock known: ours, or that of another replica that answers. An old dump is found by it (DESIGN A10).
    private func latestClockUs(beside replica: Int) -> UInt64 {
        let nowNs = scheduler.nowNs
        let others = states.indices.compactMap { $0 == replica ? nil : clocks[$0]?.earliestUs(atNs: nowNs) }
        return UInt64(max(0, others.reduce(scheduler.wallClockMs * 1_000, max)))
    }

    private func refused(_ replica: Int, _ reason: String) {
        states[replica].refusal = reason
        observer?.replicaRefused(replica, reason: reason)
    }

    /// Why a replica must not be used that may drop keys when its memory is full: not only values would go, without a trace,
    /// but what it owes to others, and its identity. Nil where it may drop at most what expires, which is leases.
    private static func eviction(_ info: Bytes) -> String? {
        guard let policy = fact("maxmemory_policy", in: info), policy.starts(with: Bytes("allkeys-".utf8)),
            let limit = fact("maxmemory", in: info), limit != Words.zero
        else { return nil }
        return
            "its maxmemory-policy \(String(decoding: policy, as: UTF8.self)) drops records when its memory is full: set "
            + "it to noeviction"
    }

    /// The value of a line of `INFO`.
    private static func fact(_ name: String, in info: Bytes) -> Bytes? {
        let name = Bytes("\(name):".utf8)
        for line in info.split(whereSeparator: { $0 == 10 || $0 == 13 }) where line.starts(with: name) {
            return Bytes(line.dropFirst(name.count))
        }
        return nil
    }

    private static func refusal(_ reply: Reply) -> String {
        if case .error(let text) = reply { return text }
        if reply[0]?.text == "FOREIGN" {
            return "belongs to group '\(reply[1]?.text ?? "")' as '\(reply[2]?.text ?? "")'"
        }
        if reply[0]?.text == "OLD" {
            return
                "was away for \((reply[1]?.number ?? 0) / 1_000_000) s or holds an old dump, and might bring back what was "
                + "deleted since: empty it (FLUSHALL), or admit it by name if the whole group was off"
        }
        return "unexpected reply to adopt"
    }

    /// The replica on a live connection is another than we thought (`FLUSHALL`, or another instance adopted it): nothing of
    /// it is believed until it was asked again. Once at a time; tried until it succeeds or the connection is gone.
    func readmit(_ replica: Int) {
        clocks.forget(replica)
        states[replica].staleness.forget()
        order.invalidate()
        guard !states[replica].isReadmitting else { return }
        states[replica].isReadmitting = true
        scheduler.spawn { [self] in
            var pauseMs: UInt64 = 10
            while clocks[replica] == nil, group.available.contains(replica) {
                // It may have been forgotten again before this task went on.
                if await adopt(replica), clocks[replica] != nil { break }
                await scheduler.sleep(forNs: pauseMs * nsPerMs)
                pauseMs = min(pauseMs * 2, 1_000)
            }
            states[replica].isReadmitting = false
        }
    }

    /// Asks those that were forgotten while they could not be asked: between admission and the first command, or while the
    /// breaker was open. Without this a replica would be connected and never used again.
    func readmitForgotten() {
        for replica in group.available where clocks[replica] == nil { readmit(replica) }
    }

    func note(_ event: PartitionWatch.Event?, _ replica: Int) {
        switch event {
        case .suspected: observer?.partitionSuspected(replica: replica)
        case .healed: observer?.partitionHealed(replica: replica)
        case nil: break
        }
    }
}
