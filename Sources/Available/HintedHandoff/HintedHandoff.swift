import EventLoop
import Replication

/// Delivers hints that the write itself did not: after a partition, a crash of an instance, or a lost connection (rule A4).
/// Any instance does it for any replica: hints are stored in the replicas, not in instances.
final class HintedHandoff: BackgroundTask {
    private let environment: Environment
    private let replicas: any ReplicaKnowledge
    private let scripts: ScriptClient
    private let transfer: RecordTransfer
    private let pace: BackgroundPace
    private let leaseHolder: LeaseHolder
    /// Owner and peer of the runs in progress.
    private var running: Set<[Int]> = []
    private var turn = 0

    private static let leaseMs: UInt64 = 2_000
    private static let maxRuns = 2
    /// In one run; the next probe begins another.
    private static let maxBatches = 2_000

    init(
        _ environment: Environment, replicas: any ReplicaKnowledge, scripts: ScriptClient, transfer: RecordTransfer,
        pace: BackgroundPace, leaseHolder: LeaseHolder
    ) {
        self.environment = environment
        self.replicas = replicas
        self.scripts = scripts
        self.transfer = transfer
        self.pace = pace
        self.leaseHolder = leaseHolder
    }

    func startIfDue() {
        let usable = replicas.usable
        let count = replicas.names.count
        // Each probe begins with another pair, so that one that never finishes does not keep the others waiting.
        turn &+= 1
        for position in 0..<count * count where running.count < Self.maxRuns {
            let pair = (position + turn) % (count * count)
            let (owner, peer) = (pair / count, pair % count)
            let hints = replicas.hints(of: owner)
            guard owner != peer, usable.contains(owner), usable.contains(peer), hints.counts[peer].count > 0,
                let lowest = hints.counts[peer].lowestHlc, let upTo = hints.handoffUpTo, lowest <= upTo,
                let incarnation = replicas[owner].incarnation, running.insert([owner, peer]).inserted
            else { continue }
            let route = RecordTransfer.Route(source: owner, target: peer, incarnation: incarnation)
            environment.scheduler.spawn { [self] in
                await deliverAll(route, upTo: upTo)
                running.remove([owner, peer])
            }
        }
    }

    /// Delivers hints up to the hlc `upTo`, oldest first, in batches.
    private func deliverAll(_ route: RecordTransfer.Route, upTo: UInt64) async {
        let lease = Lease(
            RedisKeys.handoffLease(for: replicas.nameBytes[route.target]), at: route.source, holder: leaseHolder,
            durationMs: Self.leaseMs)
        // A full replica must get rid of its hints too, and has more memory afterwards.
        guard await lease.take(isRequired: false) else { return }
        var skipped = 0
        for batch in 1...Self.maxBatches {
            let startNs = environment.nowNs
            guard pace.isRunning, let outcome = await deliverBatch(route, upTo: upTo, skipped: skipped),
                !outcome.isDone
            else { break }
            skipped += outcome.kept
            if outcome.delivered > 0 {
                environment.events?.hintsDelivered(
                    owner: route.source, peer: route.target, count: outcome.delivered)
            }
            await lease.renew(afterBatch: batch)
            await pace.rest(sinceNs: startNs)
        }
        await lease.end()
    }

    private struct BatchOutcome {
        var delivered = 0
        /// Hints that stay: one of the two replicas stores something else under the key, or the record does not arrive.
        var kept = 0
        var isDone = false
    }

    /// - Returns: nil if it failed; the next probe begins another run.
    private func deliverBatch(_ route: RecordTransfer.Route, upTo: UInt64, skipped: Int) async -> BatchOutcome? {
        let startNs = environment.nowNs
        let clocks = replicas.clocks
        guard clocks[route.target] != nil, let keys = await hintedKeys(route, upTo: upTo, skipped: skipped) else {
            return nil
        }
        guard !keys.isEmpty else { return BatchOutcome(isDone: true) }
        let tried = keys.filter { !transfer.isPausing($0, to: route.target) }
        guard !tried.isEmpty else { return BatchOutcome(kept: keys.count) }
        guard let batch = try? await transfer.copy(tried, route, clocks: clocks, startNs: startNs),
            await acknowledge(batch, route)
        else { return nil }
        // Pausing keys before the last examined one were passed over.
        let last = keys.firstIndex(of: tried[batch.examined - 1]) ?? 0
        let pausing = last + 1 - batch.examined
        return BatchOutcome(delivered: batch.delivered.count, kept: pausing + batch.invalid + batch.refused)
    }

    private func hintedKeys(_ route: RecordTransfer.Route, upTo: UInt64, skipped: Int) async -> [Bytes]? {
        let arguments = [
            Bytes("ZRANGEBYSCORE".utf8), RedisKeys.hints(for: replicas.nameBytes[route.target]), Arguments.zero,
            Bytes(decimal: upTo), Bytes("LIMIT".utf8), Bytes(decimal: UInt64(skipped)),
            Bytes(decimal: UInt64(transfer.maxRecords(route.source, route.target))),
        ]
        return await scripts.read(arguments, at: route.source, incarnation: route.incarnation)?.array?
            .compactMap(\.bytes)
    }

    /// Removes the hints of what was delivered, and of records that are gone.
    private func acknowledge(_ batch: RecordTransfer.Batch, _ route: RecordTransfer.Route) async -> Bool {
        var arguments: [Bytes] = []
        let hlc = Bytes(decimal: batch.hlc)
        for record in batch.delivered { arguments += [record.vector, hlc] }
        for _ in batch.absent { arguments += [Arguments.empty, hlc] }
        let command = HintAcknowledgements.command(
            keys: batch.delivered.map(\.key) + batch.absent, peers: [replicas.nameBytes[route.target]],
            arguments: arguments, incarnation: route.incarnation)
        return await scripts.run(command, at: route.source) != nil
    }
}
