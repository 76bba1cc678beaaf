import EventLoop
import Replication

/// Collection of tombstones and expired values (DESIGN A10), once every replica has had the same one for so long that
/// nothing older can come back: by then no record is on its way any more, and no dump is let in that lacks it.
///
/// Nothing is collected while a replica is away: it might hold what was deleted.
extension AvailableEngine {
    private static var leaseMs: UInt64 { 5_000 }
    /// Batches of one pass; the next one goes on.
    private static var maxBatches: Int { 2_000 }

    func startReap() {
        let nowNs = scheduler.nowNs
        guard !isReaping, nowNs >= nextReapNs, usable == group.everyReplica else { return }
        let intervalNs = settings.reapIntervalMs * nsPerMs
        nextReapNs = nowNs + scheduler.random(in: intervalNs - intervalNs / 4...intervalNs + intervalNs / 4)
        isReaping = true
        scheduler.spawn { [self] in
            await reapPass()
            isReaping = false
        }
    }

    private func reapPass() async {
        guard await takeLease(RedisKeys.reapLease, at: 0, forMs: Self.leaseMs) else { return }
        // One that reaped what another then did not lists it no more.
        let source = reapTurn % states.count
        reapTurn &+= 1
        var kept = 0
        for batch in 1...Self.maxBatches {
            let startNs = scheduler.nowNs
            guard isRunning, let outcome = await reapBatch(source, passingOver: kept), outcome.isMore else { break }
            kept += outcome.kept
            if outcome.reaped > 0 { observer?.reaped(outcome.reaped) }
            if batch.isMultiple(of: 16) { await renewLease(RedisKeys.reapLease, at: 0, forMs: Self.leaseMs) }
            await pace(sinceNs: startNs)
        }
        await endLease(RedisKeys.reapLease, at: 0)
    }

    private struct ReapOutcome {
        var reaped = 0
        /// Are due at the source, and not everywhere.
        var kept = 0
        var isMore = true
    }

    /// Nil where a replica did not answer, or the clocks differ too much.
    private func reapBatch(_ source: Int, passingOver kept: Int) async -> ReapOutcome? {
        // Known before anything is read: a script that is run late does nothing.
        let clocks = clocks
        let startNs = scheduler.nowNs
        guard usable == group.everyReplica, let life = clocks[source]?.incarnation else { return nil }
        let words = [
            graceWord, Bytes(decimal: UInt64(kept)), Bytes(decimal: UInt64(settings.batchRecords)), Words.empty,
            Words.empty,
        ]
        guard let due = await run(AvailableScripts.listCollectable, words, source, life: life), due.count >= 2,
            let looked = due[1].number
        else { return nil }
        let keys = stride(from: 2, to: due.count - 1, by: 2).compactMap { due[$0].bytes }
        let vectors = stride(from: 3, to: due.count, by: 2).compactMap { due[$0].bytes }
        guard looked > 0, keys.count == vectors.count else { return ReapOutcome(isMore: false) }
        guard !keys.isEmpty else { return ReapOutcome() }

        func command(_ mode: String, _ keys: [Bytes], _ vectors: [Bytes]) -> Command {
            Command(
                .script(AvailableScripts.collect, keys: keys), arguments: [Bytes(mode.utf8), graceWord],
                tailCount: states.count + vectors.count + 3,
                tail: { [states, settings] replica in
                    let fence = clocks[replica]?.fence(startNs: startNs, budgetMs: settings.mergeFenceMs)
                    return states[replica].peerWords + vectors + (fence ?? [Words.zero, Words.zero, Words.empty])
                })
        }
        guard let agreed = agreed(await askAll(command("check", keys, vectors), group.everyReplica), of: keys.count)
        else { return nil }
        guard !agreed.isEmpty else { return ReapOutcome(kept: keys.count) }
        let replies = await askAll(
            command("collect", agreed.map { keys[$0] }, agreed.map { vectors[$0] }), group.everyReplica)
        // What is left somewhere is found again, as due there and absent elsewhere.
        let reaped = replies.enumerated().map { max(0, (okElements($1, $0)?.count ?? 2) - 2) }.min() ?? 0
        return ReapOutcome(reaped: reaped, kept: keys.count - agreed.count)
    }

    private var graceWord: Bytes { Bytes(decimal: UInt64(max(0, settings.tombstoneGraceMs)) * 1_000) }

    /// The places that every replica names; nil where one did not answer, or the clocks are further apart than a tenth of
    /// the grace: then no age can be believed.
    private func agreed(_ replies: [Reply?], of count: Int) -> [Int]? {
        var votes = [Int](repeating: 0, count: count)
        var timesUs = [scheduler.wallClockMs * 1_000]
        for (replica, reply) in replies.enumerated() {
            guard let elements = okElements(reply, replica), elements.count >= 2, let nowUs = elements[1].number
            else { return nil }
            timesUs.append(nowUs)
            for place in elements.dropFirst(2).compactMap(\.number) where (1...Int64(count)).contains(place) {
                votes[Int(place) - 1] += 1
            }
        }
        guard let first = timesUs.min(), let last = timesUs.max(), last - first <= settings.tombstoneGraceMs * 100
        else { return nil }
        return votes.indices.filter { votes[$0] == states.count }
    }
}
