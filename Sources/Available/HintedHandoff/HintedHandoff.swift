import EventLoop
import Replication

/// Delivers records that did not reach a peer by the delivery of the write itself (rule A4). Causes are a partition, a
/// crash of an instance, or a lost connection. Any instance can deliver the hints of any replica, because the replicas
/// store them.
final class HintedHandoff: BackgroundTask {
    private let environment: Environment
    private let scripts: ScriptClient
    private let transfer: RecordTransfer
    private let control: BackgroundControl
    /// The runs in progress, each as its owner and peer.
    private var running: Set<[Int]> = []
    private var turn = 0

    private static let leaseMs: UInt64 = 2_000
    private static let maxRuns = 2
    /// The most batches in one run. The next probe starts another run.
    private static let maxBatches = 2_000

    init(
        _ environment: Environment, scripts: ScriptClient, transfer: RecordTransfer, control: BackgroundControl
    ) {
        self.environment = environment
        self.scripts = scripts
        self.transfer = transfer
        self.control = control
    }

    private var replicas: ReplicaTable { environment.replicas }

    func startIfDue() {
        let usable = replicas.usable
        let count = replicas.names.count
        // Each probe begins with the next pair of owner and peer, so that a pair that never finishes does not starve
        // the others.
        turn &+= 1
        for position in 0..<count * count where running.count < Self.maxRuns {
            let pair = (position + turn) % (count * count)
            let (owner, peer) = (pair / count, pair % count)
            let hints = replicas[owner].probe.hints
            guard owner != peer, usable.contains(owner), usable.contains(peer), hints.counts[peer].count > 0,
                let lowest = hints.counts[peer].lowestHlc, let upTo = hints.handoffUpTo, lowest <= upTo,
                !transfer.isFull(owner, peer),
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
        let lease = control.lease(
            RedisKeys.handoffLease(for: replicas.nameBytes[route.target]), at: route.source, durationMs: Self.leaseMs)
        // A run without a lease is allowed: if there is no memory for a lease, delivered hints free memory.
        guard await lease.acquire(isRequired: false) else { return }
        var skipped = 0
        var isFull = false
        let runStartNs = environment.nowNs
        var raised: Set<Bytes> = []
        for _ in 1...Self.maxBatches {
            let startNs = environment.nowNs
            guard control.isRunning, let outcome = await deliverBatch(route, upTo: upTo, skipped: skipped, &raised),
                !outcome.isDone
            else { break }
            skipped += outcome.kept
            isFull = isFull || outcome.isFull
            if outcome.delivered > 0 {
                environment.events?.hintsDelivered(
                    owner: route.source, peer: route.target, count: outcome.delivered)
            }
            await lease.renewIfDue()
            await control.rest(sinceNs: startNs)
        }
        if isFull { transfer.wasFull(route, sinceNs: runStartNs) }
        await lease.release()
    }

    private struct BatchOutcome {
        var delivered = 0
        /// Hints that were not removed, because their records did not arrive.
        var kept = 0
        /// True if the target had no memory for some of the records.
        var isFull = false
        var isDone = false
    }

    /// - Parameter raised: the foreign keys whose hints this run has raised, that is, moved to the end of the list.
    /// - Returns: nil if the batch failed. The next probe starts another run.
    private func deliverBatch(
        _ route: RecordTransfer.Route, upTo: UInt64, skipped: Int, _ raised: inout Set<Bytes>
    ) async -> BatchOutcome? {
        let startNs = environment.nowNs
        let clocks = replicas.clocks
        guard clocks[route.target] != nil, let keys = await hintedKeys(route, upTo: upTo, skipped: skipped) else {
            return nil
        }
        guard !keys.isEmpty else { return BatchOutcome(isDone: true) }
        let tried = keys.filter { !transfer.isPausing($0, to: route.target) }
        var batch = RecordTransfer.Batch()
        if !tried.isEmpty {
            guard let copied = try? await transfer.copy(tried, route, clocks: clocks, startNs: startNs) else {
                return nil
            }
            batch = copied
        }
        let last = tried.isEmpty ? keys.count - 1 : keys.firstIndex(of: tried[batch.examined - 1]) ?? 0
        let foreign = Set(batch.foreign + keys[...last].filter { transfer.isForeign($0, to: route.target) })
        guard await acknowledge(batch, raising: foreign, to: upTo, route) else { return nil }
        // A foreign key counts as kept only when it is listed again. Its hint was raised, so that happens at the end of
        // the run.
        let leftOut = Set(batch.leftOut)
        let kept = keys[...last].filter {
            foreign.contains($0)
                ? raised.contains($0) : leftOut.contains($0) || transfer.isPausing($0, to: route.target)
        }
        raised.formUnion(foreign)
        return BatchOutcome(delivered: batch.delivered.count, kept: kept.count, isFull: !leftOut.isEmpty)
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

    /// Removes the hints of delivered records, and of records that no longer exist. Raises the hints of `foreign` keys
    /// to `upTo`, so that they do not limit the target's staleness. If the target stores the foreign value, reads of
    /// that key fail there instead (rule A4).
    private func acknowledge(
        _ batch: RecordTransfer.Batch, raising foreign: Set<Bytes>, to upTo: UInt64, _ route: RecordTransfer.Route
    ) async -> Bool {
        var arguments: [Bytes] = []
        let hlc = Bytes(decimal: batch.hlc)
        for record in batch.delivered { arguments += [record.vector, hlc] }
        for _ in batch.absent { arguments += [Arguments.empty, hlc] }
        for _ in foreign { arguments += [Arguments.noVector, Bytes(decimal: max(upTo, 1) - 1)] }
        let command = HintAcknowledgements.command(
            keys: batch.delivered.map(\.key) + batch.absent + foreign, peers: [replicas.nameBytes[route.target]],
            arguments: arguments, incarnation: route.incarnation)
        return await scripts.run(command, at: route.source) != nil
    }
}
