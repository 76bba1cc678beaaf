import EventLoop
import Replication

/// Collects tombstones and expired values, once each replica has either stored the same ones for the grace period, or
/// has no record (rule A10). After that, no older value can return: none is in transit, and every dump that would still
/// be admitted contains the tombstone.
///
/// Nothing is collected while a replica is unreachable, because it might still store the deleted value.
/// ``AvailableSettings/Tombstones/graceMs`` is the grace period.
final class TombstoneGC: BackgroundTask {
    private let environment: Environment
    private let scripts: ScriptClient
    private let control: BackgroundControl
    private var isRunning = false
    /// The replica that lists the candidates in the next run.
    private var nextSource = 0
    private var nextRunNs: UInt64 = 0

    private static let leaseMs: UInt64 = 5_000
    /// The most batches in one run. The next run continues.
    private static let maxBatches = 2_000
    /// The replica that stores the lease: always the first, because nothing is collected while any replica is
    /// unreachable.
    private static let leaseReplica = 0

    init(_ environment: Environment, scripts: ScriptClient, control: BackgroundControl) {
        self.environment = environment
        self.scripts = scripts
        self.control = control
    }

    private var replicas: ReplicaTable { environment.replicas }

    func startIfDue() {
        guard !isRunning, environment.nowNs >= nextRunNs, replicas.usable == replicas.everyReplica else { return }
        let intervalNs = environment.settings.tombstones.gcIntervalMs * nsPerMs
        let jitter = intervalNs / 4
        nextRunNs = environment.nowNs + environment.scheduler.random(in: intervalNs - jitter...intervalNs + jitter)
        isRunning = true
        environment.scheduler.spawn { [self] in
            await run()
            isRunning = false
        }
    }

    private func run() async {
        let lease = control.lease(RedisKeys.tombstoneGCLease, at: Self.leaseReplica, durationMs: Self.leaseMs)
        // A run without a lease is allowed: if there is no memory for a lease, collected records free memory.
        guard await lease.acquire(isRequired: false) else { return }
        // If one replica collected a record and another did not, only the other one still lists it. So each run takes
        // its candidates from the next replica.
        let source = nextSource % replicas.names.count
        nextSource &+= 1
        var kept = 0
        for _ in 1...Self.maxBatches {
            let startNs = environment.nowNs
            guard control.isRunning, let outcome = await collectBatch(source, skipping: kept), outcome.isMore else {
                break
            }
            kept += outcome.kept
            if outcome.collected > 0 { environment.events?.tombstonesCollected(outcome.collected) }
            await lease.renewIfDue()
            await control.rest(sinceNs: startNs)
        }
        await lease.release()
    }

    private struct Outcome {
        var collected = 0
        /// Records that the source could collect, but another replica could not.
        var kept = 0
        var isMore = true
    }

    /// - Returns: nil if a replica did not answer, or the clocks differ too much.
    private func collectBatch(_ source: Int, skipping kept: Int) async -> Outcome? {
        // Take the clocks before anything is read, so that a script that runs too late misses its fence and does
        // nothing.
        let clocks = replicas.clocks
        let startNs = environment.nowNs
        guard replicas.usable == replicas.everyReplica, let incarnation = clocks[source]?.incarnation,
            let (page, isEnd) = await candidates(at: source, incarnation: incarnation, skipping: kept)
        else { return nil }
        guard !isEnd else { return Outcome(isMore: false) }
        guard !page.keys.isEmpty else { return Outcome() }

        let checked = await run(.check, page, Array(page.keys.indices), clocks: clocks, startNs: startNs)
        guard let agreed = agreed(checked, of: page.keys.count) else { return nil }
        guard !agreed.isEmpty else { return Outcome(kept: page.keys.count) }
        let replies = await run(.collect, page, agreed, clocks: clocks, startNs: startNs)
        // Report the smallest number that any replica collected. If that replica kept a record, a later run lists the
        // record there again. The other replicas then agree, because they no longer have it.
        let collected = replies.map { max(0, ($0?.count ?? 2) - 2) }.min() ?? 0
        return Outcome(collected: collected, kept: page.keys.count - agreed.count)
    }

    /// - Returns: the next page of candidates, and whether the list has ended; nil if the source did not answer.
    private func candidates(
        at source: Int, incarnation: Bytes, skipping kept: Int
    ) async -> (page: RecordPage, isEnd: Bool)? {
        let arguments = [
            graceUs, Bytes(decimal: UInt64(kept)), Bytes(decimal: UInt64(environment.settings.background.batchRecords)),
        ]
        let command = AvailableScripts.unfenced(AvailableScripts.listCollectable, arguments, incarnation: incarnation)
        guard let elements = await scripts.run(command, at: source), elements.count >= 2,
            let examined = elements[1].number
        else { return nil }
        return (RecordPage(elements), examined == 0)
    }

    /// Asks every replica to check or collect the records at `positions` of `page`. Each reply lists those that it
    /// agreed to.
    private func run(
        _ mode: CollectCommand.Mode, _ page: RecordPage, _ positions: [Int], clocks: ClockTable, startNs: UInt64
    ) async -> [[Reply]?] {
        let budgetMs = environment.settings.timeouts.maxMergeFenceMs
        let collect = CollectCommand(
            mode: mode, graceUs: graceUs, keys: positions.map { page.keys[$0] },
            vectors: positions.map { page.vectors[$0] })
        let command = Command(
            .script(AvailableScripts.collect, keys: collect.keys), arguments: collect.sharedArguments,
            tailCount: collect.argumentCount(replicas: replicas.names.count),
            tail: { [replicas] replica in
                let peers = replicas.peers(of: replica).map { replicas.nameBytes[$0] }
                return collect.arguments(
                    peers: peers, fence: clocks.fence(of: replica, startNs: startNs, budgetMs: budgetMs))
            })
        return await scripts.run(command, at: replicas.everyReplica).elements
    }

    private var graceUs: Bytes { Bytes(decimal: UInt64(max(0, environment.settings.tombstones.graceMs)) * 1_000) }

    /// The positions that all replicas listed. Nil if one did not answer. Nil also if the clocks differ by more than a
    /// tenth of the grace period, because then no age can be trusted.
    private func agreed(_ replies: [[Reply]?], of count: Int) -> [Int]? {
        var votes = [Int](repeating: 0, count: count)
        var timesUs = [environment.scheduler.wallClockMs * 1_000]
        for elements in replies {
            guard let elements, elements.count >= 2, let nowUs = elements[1].number else { return nil }
            timesUs.append(nowUs)
            for position in elements.dropFirst(2).compactMap(\.number) where (1...Int64(count)).contains(position) {
                votes[Int(position) - 1] += 1
            }
        }
        let maxDifferenceUs = environment.settings.tombstones.graceMs * 1_000 / 10
        guard let first = timesUs.min(), let last = timesUs.max(), last - first <= maxDifferenceUs else { return nil }
        return votes.indices.filter { votes[$0] == replicas.names.count }
    }
}

/// The arguments of the script `collect`.
struct CollectCommand {
    enum Mode: String {
        /// Only list which records could be collected.
        case check
        case collect
    }

    let mode: Mode
    let graceUs: Bytes
    let keys: [Bytes]
    /// For each key, the vector that its record must have on every replica.
    let vectors: [Bytes]

    /// The arguments that all replicas get.
    var sharedArguments: [Bytes] { [Bytes(mode.rawValue.utf8), graceUs] }

    /// - Parameters:
    ///   - peers: names of the replica's peers.
    ///   - fence: the last three arguments; see ``ReplicaClock/fence(startNs:budgetMs:)``.
    func arguments(peers: [Bytes], fence: [Bytes]) -> [Bytes] {
        [Bytes(decimal: UInt64(peers.count))] + peers + vectors + fence
    }

    func argumentCount(replicas: Int) -> Int { replicas + vectors.count + 3 }
}
