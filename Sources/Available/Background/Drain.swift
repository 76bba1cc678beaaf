import EventLoop
import Replication

/// Delivery of what was not delivered by the write that made it: after a partition, a crash of an instance, a lost
/// connection (DESIGN A4). Any instance does it, for any replica; the outbox is the replica's, not the instance's.
extension AvailableEngine {
    private static var leaseMs: UInt64 { 2_000 }
    /// Pairs of owner and peer at once.
    private static var maxDrains: Int { 2 }
    /// Batches of one pass; the next poll begins another.
    private static var maxBatches: Int { 2_000 }

    func startDrains() {
        let usable = usable
        let count = states.count
        // Every poll begins elsewhere, so that a pair that never finishes keeps no other from its turn.
        drainTurn &+= 1
        for place in 0..<count * count where draining.count < Self.maxDrains {
            let pair = (place + drainTurn) % (count * count)
            let (owner, peer) = (pair / count, pair % count)
            guard owner != peer, usable.contains(owner), usable.contains(peer), states[owner].debts[peer].entries > 0,
                let lowest = states[owner].debts[peer].lowestHlc, let upTo = states[owner].drainUpTo, lowest <= upTo,
                let life = states[owner].incarnation, draining.insert([owner, peer]).inserted
            else { continue }
            scheduler.spawn { [self] in
                await drain(owner, peer, upTo: upTo, life: life)
                draining.remove([owner, peer])
            }
        }
    }

    /// Oldest first, in batches, up to `upTo`.
    private func drain(_ owner: Int, _ peer: Int, upTo: UInt64, life: Bytes) async {
        let lease = RedisKeys.drainLease(states[peer].nameBytes)
        // What a full replica has taken must get out all the same, and it is less full afterwards.
        guard await takeLease(lease, at: owner, forMs: Self.leaseMs, isNeeded: false) else { return }
        var skipped = 0
        for batch in 1...Self.maxBatches {
            let startNs = scheduler.nowNs
            guard isRunning, let outcome = await drainBatch(owner, peer, upTo: upTo, life: life, skipped: skipped),
                !outcome.isDone
            else { break }
            skipped += outcome.kept
            if outcome.delivered > 0 { observer?.drained(owner: owner, peer: peer, entries: outcome.delivered) }
            if batch.isMultiple(of: 16) { await renewLease(lease, at: owner, forMs: Self.leaseMs) }
            await pace(sinceNs: startNs)
        }
        await endLease(lease, at: owner)
    }

    private struct BatchOutcome {
        var delivered = 0
        /// Entries that stay owed: the peer, or the owner, holds something else under the key.
        var kept = 0
        var isDone = false
    }

    /// Nil where it failed; the next poll begins again.
    private func drainBatch(
        _ owner: Int, _ peer: Int, upTo: UInt64, life: Bytes, skipped: Int
    ) async -> BatchOutcome? {
        let startNs = scheduler.nowNs
        let clocks = clocks
        let pending = RedisKeys.pending(states[peer].nameBytes)
        let size = batchSizes[owner][peer]
        let words = [
            Bytes("ZRANGEBYSCORE".utf8), pending, Words.zero, Bytes(decimal: upTo), Bytes("LIMIT".utf8),
            Bytes(decimal: UInt64(skipped)), Bytes(decimal: UInt64(size.records(atMost: settings.batchRecords))),
        ]
        guard clocks[peer] != nil, let keys = await plainRead(words, owner, life: life)?.array?.compactMap(\.bytes)
        else { return nil }
        guard !keys.isEmpty else { return BatchOutcome(isDone: true) }
        guard let fetched = await fetch(keys, at: owner, life: life, maxBytes: size.bytes), fetched.count > 0 else {
            batchSizes[owner][peer].failed()
            return nil
        }
        for key in fetched.bad { observer?.badRecord(replica: owner, redisKey: key) }

        var delivered = fetched.records
        switch await join(fetched.records, at: peer, clocks: clocks, startNs: startNs) {
        case .joined: break
        case .joinedExcept(let refused):
            delivered = fetched.records.enumerated().filter { !refused.contains($0.offset) }.map(\.element)
        case .failed:
            batchSizes[owner][peer].failed()
            return nil
        }
        batchSizes[owner][peer].passed(tookNs: scheduler.nowNs - startNs)
        var strikeWords: [Bytes] = []
        let hlc = Bytes(decimal: fetched.hlc)
        for record in delivered { strikeWords += [record.vector, hlc] }
        for _ in fetched.absent { strikeWords += [Words.empty, hlc] }
        let strike = StrikeQueue.command(
            keys: delivered.map(\.key) + fetched.absent, peers: [states[peer].nameBytes], words: strikeWords,
            incarnation: life)
        guard okElements(await askOne(strike, owner), owner) != nil else { return nil }
        return BatchOutcome(
            delivered: delivered.count, kept: fetched.bad.count + fetched.records.count - delivered.count)
    }
}
