import EventLoop
import Replication

/// What each replica owes its peers, and how old each one's data may be: asked of all of them every poll (DESIGN A8).
extension AvailableEngine {
    func pollUntilStopped() async {
        // Instances that were started together should not stay in step.
        let intervalNs = settings.pollIntervalMs * nsPerMs
        while isRunning {
            await poll()
            guard isRunning else { return }
            startDrains()
            startWalk()
            startReap()
            await scheduler.sleep(
                forNs: scheduler.random(in: intervalNs - intervalNs / 10...intervalNs + intervalNs / 10))
        }
    }

    /// One replica's clock at the beginning of a poll.
    private struct Tick {
        let nowUs: Int64
        let steps: Bytes
    }

    /// What one replica said it owes.
    private struct Owed {
        let incarnation: Bytes
        let hlc: UInt64
        /// Lowest hlc by peer, as the script spells it; 0 for nothing.
        let lowest: [UInt64]
    }

    private func poll() async {
        readmitForgotten()
        let askedNs = scheduler.nowNs
        let ticks = await tickAll()
        // Only what is owed *after* the replica's clock was read says that it had everything up to then.
        let owed = await debtOfAll()
        await hearAll(ticks, owed, askedNs: askedNs)
        watchAll(reached: ticks.map { $0 != nil }, owed)
        for replica in states.indices {
            observer?.stalenessMeasured(replica: replica, stalenessMs: stalenessMs(replica: replica))
            observer?.comparisonMeasured(replica: replica, isNeeded: isIncomplete(replica))
        }
    }

    /// Asks every usable replica the same and waits for all of them, for one call's time at most.
    func askAll(_ command: Command, _ targets: ReplicaSet) async -> [Reply?] {
        let call = QuorumCall(
            group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + settings.callTimeoutMs * nsPerMs)
        call.send(command, to: targets)
        await call.waitForAll()
        return call.replies
    }

    private func tickAll() async -> [Tick?] {
        let lives = states.map { $0.incarnation ?? Words.empty }
        let command = Command(
            .script(AvailableScripts.readClock, keys: []), arguments: [Words.empty, Words.empty], tailCount: 1,
            tail: { [lives[$0]] })
        let replies = await askAll(command, usable)
        return replies.enumerated().map { replica, reply in
            guard let elements = okElements(reply, replica), elements.count >= 6, let nowUs = elements[1].number,
                let steps = elements[2].bytes
            else { return nil }
            clocks.read(replica, steps: steps, timeUs: nowUs, receivedNs: scheduler.nowNs)
            // It wrote: what only reads would succeed on a full or read-only replica as well.
            states[replica].error = nil
            states[replica].walkedAgoUs = elements[5].number
            return Tick(nowUs: nowUs, steps: steps)
        }
    }

    private func debtOfAll() async -> [Owed?] {
        let names = states.map(\.nameBytes)
        let lives = states.map { $0.incarnation ?? Words.empty }
        let command = Command(
            .script(AvailableScripts.countHints, keys: []), tailCount: names.count,
            tail: { replica in names.enumerated().filter { $0.offset != replica }.map(\.element) + [lives[replica]] })
        let replies = await askAll(command, usable)
        return replies.enumerated().map { owner, reply in
            guard let elements = okElements(reply, owner), elements.count >= 3 + 3 * (names.count - 1),
                let hlc = elements[1].count, let conflicts = elements[2 + 3 * (names.count - 1)].count
            else { return nil }
            var lowest = [UInt64](repeating: 0, count: names.count)
            for (place, peer) in names.indices.filter({ $0 != owner }).enumerated() {
                let word = 2 + 3 * place
                guard let low = elements[word].count, let entries = elements[word + 1].count,
                    let overflowed = elements[word + 2].count
                else { return nil }
                lowest[peer] = low
                states[owner].debts[peer] = ReplicaState.Debt(
                    lowestHlc: low == 0 ? nil : low, entries: Int(entries), overflowed: Int(overflowed))
                observer?.outboxMeasured(owner: owner, peer: peer, entries: Int(entries), overflowed: Int(overflowed))
            }
            observer?.conflictsMeasured(replica: owner, keys: Int(conflicts))
            states[owner].noteHlc(hlc, atNs: scheduler.nowNs, drainAfterNs: settings.drainAfterMs * nsPerMs)
            return Owed(incarnation: lives[owner], hlc: hlc, lowest: lowest)
        }
    }

    private func hearAll(_ ticks: [Tick?], _ owed: [Owed?], askedNs: UInt64) async {
        let names = states.map(\.nameBytes)
        let lives = states.map { $0.incarnation ?? Words.empty }
        var targets: ReplicaSet = []
        for replica in usable where ticks[replica] != nil { targets.insert(replica) }
        guard !targets.isEmpty else { return }
        let command = Command(
            .script(AvailableScripts.recordReplication, keys: []), tailCount: 5 + 4 * (names.count - 1),
            tail: { replica in
                let tick = ticks[replica]
                var words = [Bytes(decimal: UInt64(max(0, tick?.nowUs ?? 0))), Bytes("probe".utf8)]
                for peer in names.indices where peer != replica {
                    words.append(names[peer])
                    words.append(owed[peer]?.incarnation ?? Words.empty)
                    words.append(Bytes(decimal: owed[peer]?.hlc ?? 0))
                    words.append(Bytes(decimal: owed[peer]?.lowest[replica] ?? 0))
                }
                return words + [Words.empty, tick?.steps ?? Words.empty, lives[replica]]
            })
        let replies = await askAll(command, targets)
        for (replica, reply) in replies.enumerated() where targets.contains(replica) {
            takeHeard(reply, replica, life: lives[replica], askedNs: askedNs)
        }
        order.invalidate()
    }

    /// Learns from an answer to `hear`, which was asked of the life `life` of `replica` after `askedNs`.
    func takeHeard(_ reply: Reply?, _ replica: Int, life: Bytes, askedNs: UInt64) {
        guard let elements = okElements(reply, replica), elements.count >= 2 + 2 * (states.count - 1),
            let nowUs = elements[1].number, states[replica].incarnation == life
        else { return }
        var heard: [Int64?] = []
        var needsWalk = false
        for (place, peer) in states.indices.filter({ $0 != replica }).enumerated() {
            let moment = elements[2 + 2 * place].number ?? 0
            heard.append(moment == 0 ? nil : moment)
            states[replica].heardUs[peer] = moment == 0 ? nil : moment
            needsWalk = needsWalk || elements[3 + 2 * place].int64 == 1
        }
        states[replica].polledUs = nowUs
        states[replica].needsWalk = needsWalk
        states[replica].staleness.measured(nowUs: nowUs, heardUs: heard, askedNs: askedNs)
    }

    private func watchAll(reached: [Bool], _ owed: [Owed?]) {
        let hlcs = owed.map { $0?.hlc }
        for replica in states.indices {
            guard reached[replica], owed[replica] != nil else {
                note(states[replica].watch.silent(), replica)
                continue
            }
            var debts: [PartitionWatch.Debt] = []
            for other in states.indices where other != replica {
                guard let theirs = owed[other], let mine = owed[replica] else { continue }
                debts.append(.init(owner: other, lowestHlc: theirs.lowest[replica] == 0 ? nil : theirs.lowest[replica]))
                debts.append(.init(owner: replica, lowestHlc: mine.lowest[other] == 0 ? nil : mine.lowest[other]))
            }
            let isKnown = stalenessMs(replica: replica) != nil
            note(states[replica].watch.polled(hlcs: hlcs, debts: debts, isKnown: isKnown), replica)
        }
    }

    /// The elements of an `OK`; learns from a refusal.
    func okElements(_ reply: Reply?, _ replica: Int) -> [Reply]? {
        guard let reply else { return nil }
        let script = ScriptReply(reply)
        if let elements = script.ok { return elements }
        if case .error(let text) = script { states[replica].error = text }
        noteRefusal(script, from: replica)
        return nil
    }
}
