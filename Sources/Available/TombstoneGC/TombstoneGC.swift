import EventLoop
import Replication

/// Collects tombstones and expired values once every replica has stored the same one for so long that nothing older can
/// return (rule A10): by then no record is on its way any more, and every dump that is still admitted contains it.
///
/// Nothing is collected while a replica is unreachable: it might store what was deleted. How long tombstones are kept:
/// ``AvailableSettings/tombstoneGraceMs``.
final class TombstoneGC: BackgroundTask {
    private let environment: Environment
    private let scripts: ScriptClient
    private let control: BackgroundControl
    private var isRunning = false
    /// The replica that lists what may be collected in the next run.
    private var nextSource = 0
    private var nextRunNs: UInt64 = 0

    private static let leaseMs: UInt64 = 5_000
    /// In one run; the next one continues.
    private static let maxBatches = 2_000
    /// The lease is always on the first replica: nothing is collected without it.
    private static let leaseReplica = 0

    init(_ environment: Environment, scripts: ScriptClient, control: BackgroundControl) {
        self.environment = environment
        self.scripts = scripts
        self.control = control
    }

    private var replicas: ReplicaTable { environment.replicas }

    func startIfDue() {
        guard !isRunning, environment.nowNs >= nextRunNs, replicas.usable == replicas.everyReplica else { return }
        let intervalNs = environment.settings.tombstoneGCIntervalMs * nsPerMs
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
        guard await lease.take() else { return }
        // If one replica collected a record and another did not, only the other still lists it. So each run lists at the
        // next replica.
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
        await lease.end()
    }

    private struct Outcome {
        var collected = 0
        /// Collectable at the source, but not everywhere.
        var kept = 0
        var isMore = true
    }

    /// - Returns: nil if a replica did not answer, or the clocks differ too much.
    private func collectBatch(_ source: Int, skipping kept: Int) async -> Outcome? {
        // Known before anything is read: a script that runs late does nothing.
        let clocks = replicas.clocks
        let startNs = environment.nowNs
        guard replicas.usable == replicas.everyReplica, let incarnation = clocks[source]?.incarnation,
            let candidates = await candidates(at: source, incarnation: incarnation, skipping: kept)
        else { return nil }
        guard !candidates.isEnd else { return Outcome(isMore: false) }
        guard !candidates.keys.isEmpty else { return Outcome() }

        let checked = await scripts.run(
            command(.check, candidates, clocks: clocks, startNs: startNs), at: replicas.everyReplica
        ).elements
        guard let agreed = agreed(checked, of: candidates.keys.count) else { return nil }
        guard !agreed.isEmpty else { return Outcome(kept: candidates.keys.count) }
        let replies = await scripts.run(
            command(.collect, candidates.subset(agreed), clocks: clocks, startNs: startNs),
            at: replicas.everyReplica
        ).elements
        // What stays somewhere is found again, as collectable there and absent elsewhere.
        let collected = replies.map { max(0, ($0?.count ?? 2) - 2) }.min() ?? 0
        return Outcome(collected: collected, kept: candidates.keys.count - agreed.count)
    }

    private struct Candidates {
        var keys: [Bytes] = []
        var vectors: [Bytes] = []
        /// The source lists no more.
        var isEnd = false

        func subset(_ positions: [Int]) -> Candidates {
            Candidates(keys: positions.map { keys[$0] }, vectors: positions.map { vectors[$0] })
        }
    }

    private func candidates(at source: Int, incarnation: Bytes, skipping kept: Int) async -> Candidates? {
        let arguments = [
            graceUs, Bytes(decimal: UInt64(kept)), Bytes(decimal: UInt64(environment.settings.batchRecords)),
        ]
        let command = AvailableScripts.unfenced(AvailableScripts.listCollectable, arguments, incarnation: incarnation)
        guard let elements = await scripts.run(command, at: source), elements.count >= 2,
            let examined = elements[1].number
        else { return nil }
        let keys = stride(from: 2, to: elements.count - 1, by: 2).compactMap { elements[$0].bytes }
        let vectors = stride(from: 3, to: elements.count, by: 2).compactMap { elements[$0].bytes }
        guard examined > 0, keys.count == vectors.count else { return Candidates(isEnd: true) }
        return Candidates(keys: keys, vectors: vectors)
    }

    private func command(
        _ mode: CollectCommand.Mode, _ candidates: Candidates, clocks: ClockTable, startNs: UInt64
    ) -> Command {
        let budgetMs = environment.settings.mergeFenceMs
        let collect = CollectCommand(
            mode: mode, graceUs: graceUs, keys: candidates.keys, vectors: candidates.vectors)
        return Command(
            .script(AvailableScripts.collect, keys: candidates.keys), arguments: collect.sharedArguments,
            tailCount: collect.argumentCount(replicas: replicas.names.count),
            tail: { [replicas] replica in
                let peers = replicas.peers(of: replica).map { replicas.nameBytes[$0] }
                return collect.arguments(
                    peers: peers, fence: clocks.fence(of: replica, startNs: startNs, budgetMs: budgetMs))
            })
    }

    private var graceUs: Bytes { Bytes(decimal: UInt64(max(0, environment.settings.tombstoneGraceMs)) * 1_000) }

    /// The positions that every replica names; nil if one did not answer, or the clocks differ by more than a tenth of the
    /// grace period: then no age can be trusted.
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
        let maxDifferenceUs = environment.settings.tombstoneGraceMs * 1_000 / 10
        guard let first = timesUs.min(), let last = timesUs.max(), last - first <= maxDifferenceUs else { return nil }
        return votes.indices.filter { votes[$0] == replicas.names.count }
    }
}

/// The arguments of `collect`.
struct CollectCommand {
    enum Mode: String {
        /// Only say which records could be collected.
        case check
        case collect
    }

    let mode: Mode
    let graceUs: Bytes
    let keys: [Bytes]
    /// That every replica must hold, by key.
    let vectors: [Bytes]

    /// The same for all replicas.
    var sharedArguments: [Bytes] { [Bytes(mode.rawValue.utf8), graceUs] }

    /// - Parameters:
    ///   - peers: names of the replica's peers.
    ///   - fence: three arguments; see ``ReplicaClock/fence(startNs:budgetMs:)``.
    func arguments(peers: [Bytes], fence: [Bytes]) -> [Bytes] {
        [Bytes(decimal: UInt64(peers.count))] + peers + vectors + fence
    }

    func argumentCount(replicas: Int) -> Int { replicas + vectors.count + 3 }
}
