import EventLoop
import Replication

/// Sends missed accepts again (rule C11), collects tombstones (rule C10) and commits expiries that no request notices,
/// in the background, page by page.
///
/// Registers in the backlog are repaired within seconds. A full scan follows when a replica came back or became a
/// member, and at intervals, so that nothing depends on what a process remembers.
final class Repair {
    private let acceptors: AcceptorGroup
    private let configurations: ConfigurationRegister
    private let queue: BatchQueue
    private let backlog: RepairBacklog
    private let pageSize: Int
    private let scanIntervalNs: UInt64
    private var lastScanNs: UInt64 = 0

    private static let timeoutMs: UInt64 = 1_000
    /// Registers repaired concurrently: values are up to a megabyte, and replicas may be far away.
    private static let maxConcurrent = 16

    init(
        _ acceptors: AcceptorGroup, configurations: ConfigurationRegister, queue: BatchQueue, backlog: RepairBacklog,
        settings: ConsistentSettings
    ) {
        self.acceptors = acceptors
        self.configurations = configurations
        self.queue = queue
        self.backlog = backlog
        pageSize = settings.pageSize
        scanIntervalNs = settings.scanIntervalMs * nsPerMs
    }

    private var scheduler: any Scheduler { acceptors.scheduler }
    private var client: ReplicaClient { acceptors.client(timeoutMs: Self.timeoutMs) }

    /// One step: repairs the backlog, and scans all registers if that is due. Does nothing unless all voters are
    /// available: catch-up needs the replica that is behind, and tombstone GC needs all of them.
    func step() async {
        guard let configuration = configurations.current,
            configuration.voters.subtracting(acceptors.replicas.available).isEmpty
        else { return }
        let scan = RegisterScan(acceptors, configuration: configuration, pageSize: pageSize)
        // Registers added from here on wait for the next step: a tombstone needs time to reach all replicas.
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
                // Repeated at the next step that finds all voters available.
                backlog.requestFullScan()
                return
            }
        }
        lastScanNs = scheduler.nowNs
    }

    /// - Parameter scanned: the replica whose scan showed these registers; nil for the backlog. Of several replicas
    ///   that hold a register only the first one's scan repairs it.
    private func repair(_ page: [Register], _ scan: RegisterScan, scanned: Int?) async {
        let voters = scan.configuration.voters
        let summaries = await scan.summaries(of: page, at: voters)
        await scheduler.forEach(Array(zip(page, summaries)), limit: Self.maxConcurrent) { [self] register, summary in
            let ballots = voters.map { summary[$0].ballot }
            if let scanned, voters.first(where: { summary[$0].ballot ?? .zero > .zero }) != scanned { return }
            guard let highest = ballots.compactMap({ $0 }).max(), highest > .zero else { return }
            let holders = voters.filter { summary[$0].ballot == highest }
            guard acceptors.quorum(of: scan.configuration).isReached(by: ReplicaSet(holders)),
                let holder = holders.first
            else {
                // No quorum holds it. A full scan completes it. From the backlog, leave it: a round may be running.
                if scanned != nil, !ballots.contains(nil) { await runIdentityRound(on: register) }
                return
            }
            let behind = ReplicaSet(voters.filter { summary[$0].ballot.map { $0 < highest } ?? false })
            if !behind.isEmpty {
                await catchUp(register, highest, from: holder, to: behind, scan)
            } else if case .accepted(_, let isDeleted, let expiresMs) = summary[holder], !ballots.contains(nil) {
                if isDeleted {
                    await collect(register, highest, scan)
                } else if let expiresMs, expiresMs <= scheduler.wallClockMs {
                    await runIdentityRound(on: register)
                }
            }
        }
    }

    /// A full round that changes nothing: completes what is half done, and commits an expiry.
    private func runIdentityRound(on register: Register) async {
        let deadlineNs = scheduler.nowNs + Self.timeoutMs * nsPerMs
        _ = await queue.submit(.read, on: register, deadlineNs: deadlineNs)
        backlog.add(register)
    }

    /// Sends the accept of a chosen state again: same ballot, same state (rule C11).
    private func catchUp(
        _ register: Register, _ ballot: Ballot, from holder: Int, to behind: ReplicaSet, _ scan: RegisterScan
    ) async {
        let record = await client.ask(AcceptorCommands.readRecord(register), of: holder)
        guard let record, scan.isMember(holder, by: record[1]), case .array(let fields)? = record[0],
            fields.count >= 7, fields[0].bytes == ballot.text, let state = RegisterState(fields: fields[1...])
        else { return }
        let replies = await client.ask(scan.commands.accept(register, ballot, state), of: behind)
        acceptors.events?.keyRepaired()
        let isRejected = behind.contains { replica in
            if case .rejected? = replies[replica].map(AcceptorReply.init(accept:)) { true } else { false }
        }
        if isRejected {
            // A promise outlived its round, or the GC watermark is above the ballot of a record that the replica lacks:
            // the same state needs a higher ballot.
            await runIdentityRound(on: register)
        } else if state.isDeleted {
            backlog.add(register)
        }
    }

    /// Removes a tombstone that all voters hold at one ballot (rule C10).
    private func collect(_ register: Register, _ ballot: Ballot, _ scan: RegisterScan) async {
        _ = await client.ask(scan.commands.collect(register, ballot), of: scan.configuration.voters)
        acceptors.events?.tombstoneCollected()
    }
}
