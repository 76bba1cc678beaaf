import EventLoop
import Replication

/// Repairs registers in the background, page by page. ``CatchUp`` copies missed accepts (rule C11). ``TombstoneGC``
/// collects tombstones (rule C10). An identity round completes a half-done change, and turns an expired value into a
/// tombstone.
///
/// While all voters are available, registers in the ``RepairBacklog`` are repaired within seconds. All registers are
/// scanned after a replica reconnects, becomes a member or accepts writes again. They are also scanned at regular
/// intervals, because the backlog is in memory and lists only what this instance has detected.
final class Repair {
    private let acceptors: AcceptorGroup
    private let configurations: ConfigurationRegister
    private let queue: BatchQueue
    private let backlog: RepairBacklog
    private let pageSize: Int
    private let scanIntervalNs: UInt64
    private var lastScanNs: UInt64 = 0

    /// The most registers that are repaired concurrently. More than one, because a replica may be far away; not all at
    /// once, because a value may be 1 MiB long.
    private static let maxConcurrent = 16

    init(
        _ acceptors: AcceptorGroup, configurations: ConfigurationRegister, queue: BatchQueue, backlog: RepairBacklog,
        settings: ConsistentSettings
    ) {
        self.acceptors = acceptors
        self.configurations = configurations
        self.queue = queue
        self.backlog = backlog
        pageSize = settings.background.pageSize
        scanIntervalNs = settings.background.scanIntervalMs * nsPerMs
    }

    private var scheduler: any Scheduler { acceptors.scheduler }

    /// Repairs the backlog, and scans all registers if a scan is due. Does nothing unless all voters are available:
    /// catch-up needs the replica that is behind, and tombstone GC needs all voters.
    func step() async {
        guard let configuration = configurations.current,
            configuration.voters.subtracting(acceptors.replicas.available).isEmpty
        else { return }
        let scan = RegisterScan(acceptors, configuration: configuration, pageSize: pageSize)
        // Registers that are added from here on wait for the next step, because a tombstone needs time to reach all
        // replicas.
        var left = backlog.count
        while left > 0 {
            let page = backlog.take(min(left, pageSize))
            left -= page.count
            await repair(page, scan, scanned: nil)
            await scheduler.sleep(forNs: 2 * nsPerMs)
        }
        if backlog.needsFullScan || scheduler.nowNs - lastScanNs >= scanIntervalNs { await scanAll(scan) }
    }

    private func scanAll(_ scan: RegisterScan) async {
        backlog.startFullScan()
        await repair([.configuration], scan, scanned: nil)
        for replica in scan.configuration.voters {
            do throws(Aborted) {
                try await scan.forEachPage(of: replica) { page throws(Aborted) in
                    await repair(page, scan, scanned: replica)
                }
            } catch {
                // The scan is repeated at the next step that finds all voters available.
                backlog.requestFullScan()
                return
            }
        }
        lastScanNs = scheduler.nowNs
    }

    /// - Parameter scanned: the replica whose scan returned these registers; nil for the backlog. If several replicas
    ///   hold a register, only the scan of the first of them repairs it.
    private func repair(_ page: [Register], _ scan: RegisterScan, scanned: Int?) async {
        let voters = scan.configuration.voters
        let summaries = await scan.summaries(of: page, at: voters)
        await scheduler.forEach(Array(zip(page, summaries)), limit: Self.maxConcurrent) { [self] register, summary in
            if let scanned, voters.first(where: { summary[$0].ballot ?? .zero > .zero }) != scanned { return }
            let isDone = await repair(register, summary, scan, completesRounds: scanned != nil)
            if !isDone { backlog.add(register) }
        }
    }

    /// - Parameter completesRounds: true to complete a state that no quorum holds. Otherwise such a state is left
    ///   alone, because its round may still be running.
    /// - Returns: false if the register must be checked again.
    private func repair(
        _ register: Register, _ summary: [RecordSummary], _ scan: RegisterScan, completesRounds: Bool
    ) async -> Bool {
        let voters = scan.configuration.voters
        let ballots = voters.map { summary[$0].ballot }
        let isComplete = !ballots.contains(nil)
        let highest = ballots.compactMap(\.self).max() ?? .zero
        if highest == .zero { return isComplete }
        let holders = voters.filter { summary[$0].ballot == highest }
        guard acceptors.quorum(of: scan.configuration).isReached(by: ReplicaSet(holders)), let holder = holders.first
        else {
            if completesRounds, isComplete { await runIdentityRound(on: register) }
            return false
        }
        let catchUp = CatchUp(acceptors, register, highest, under: scan)
        let behind = catchUp.replicasBehind(summary)
        if !behind.isEmpty {
            switch await catchUp.copy(from: holder, to: behind) {
            // A copied tombstone must still be collected.
            case .copied(let isTombstone): return isComplete && !isTombstone
            case .rejected: await runIdentityRound(on: register)
            case .failed: break
            }
            return false
        }
        guard isComplete, case .accepted(_, let isDeleted, let expiresMs) = summary[holder] else { return false }
        if isDeleted { return await TombstoneGC(acceptors).collect(register, highest, scan) }
        guard let expiresMs, expiresMs <= scheduler.wallClockMs else { return true }
        await runIdentityRound(on: register)
        return false
    }

    /// Runs a full round that changes nothing. It completes a half-done change, and commits an expiry.
    private func runIdentityRound(on register: Register) async {
        _ = await queue.submit(.read, on: register, deadlineNs: acceptors.deadlineNs)
    }
}
