import DequeModule
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
            if let scanned, voters.first(where: { summary[$0].ballot ?? .zero > .zero }) != scanned { return }
            let isDone = await repair(register, summary, scan, completing: scanned != nil)
            if !isDone { backlog.add(register) }
        }
    }

    /// - Parameter completing: completes what no quorum holds. Otherwise it is left alone: a round may be running.
    /// - Returns: false if the register needs another look.
    private func repair(
        _ register: Register, _ summary: [RecordSummary], _ scan: RegisterScan, completing: Bool
    ) async -> Bool {
        let voters = scan.configuration.voters
        let ballots = voters.map { summary[$0].ballot }
        let isComplete = !ballots.contains(nil)
        let highest = ballots.compactMap(\.self).max() ?? .zero
        if highest == .zero { return isComplete }
        let holders = voters.filter { summary[$0].ballot == highest }
        guard acceptors.quorum(of: scan.configuration).isReached(by: ReplicaSet(holders)), let holder = holders.first
        else {
            if completing, isComplete { await runIdentityRound(on: register) }
            return false
        }
        let behind = ReplicaSet(voters.filter { summary[$0].ballot.map { $0 < highest } ?? false })
        if !behind.isEmpty {
            let isCaughtUp = await catchUp(register, highest, from: holder, to: behind, scan)
            return isCaughtUp && isComplete
        }
        guard isComplete, case .accepted(_, let isDeleted, let expiresMs) = summary[holder] else { return false }
        if isDeleted { return await collect(register, highest, scan) }
        guard let expiresMs, expiresMs <= scheduler.wallClockMs else { return true }
        await runIdentityRound(on: register)
        return false
    }

    /// A full round that changes nothing: completes what is half done, and commits an expiry.
    private func runIdentityRound(on register: Register) async {
        let deadlineNs = scheduler.nowNs + Self.timeoutMs * nsPerMs
        _ = await queue.submit(.read, on: register, deadlineNs: deadlineNs)
    }

    /// Sends the accept of a chosen state again: same ballot, same state (rule C11).
    /// - Returns: false if the register needs another look; a tombstone does, to be collected.
    private func catchUp(
        _ register: Register, _ ballot: Ballot, from holder: Int, to behind: ReplicaSet, _ scan: RegisterScan
    ) async -> Bool {
        let record = await client.ask(AcceptorCommands.readRecord(register), of: holder)
        guard let record, scan.isMember(holder, by: record[1]), case .array(let fields)? = record[0],
            fields.count >= 7, fields[0].bytes == ballot.text, let state = RegisterState(fields: fields[1...])
        else { return false }
        let replies = await client.ask(scan.commands.accept(register, ballot, state), of: behind)
        let verdicts = behind.map { replies[$0].map(AcceptorReply.init(accept:)) }
        if verdicts.allSatisfy({ $0 == .accepted }) {
            acceptors.events?.keyRepaired()
            return !state.isDeleted
        }
        let isRejected = verdicts.contains { if case .rejected? = $0 { true } else { false } }
        // A promise outlived its round, or the GC watermark is above the ballot of a record that the replica lacks. The
        // same state then needs a higher ballot.
        if isRejected { await runIdentityRound(on: register) }
        return false
    }

    /// Removes a tombstone that all voters hold at one ballot (rule C10).
    /// - Returns: false if some voter may still hold it.
    private func collect(_ register: Register, _ ballot: Ballot, _ scan: RegisterScan) async -> Bool {
        let voters = scan.configuration.voters
        let replies = await client.ask(scan.commands.collect(register, ballot), of: voters)
        guard voters.allSatisfy({ replies[$0]?.int64 != nil }) else { return false }
        acceptors.events?.tombstoneCollected()
        return true
    }
}

/// The registers that ``Repair`` has to look at: tombstones, and those whose accept a replica may have missed.
final class RepairBacklog {
    private var registers: Deque<Register> = []
    /// A replica may have missed accepts of unknown registers.
    private(set) var needsFullScan = true
    /// Above it a full scan replaces the list.
    private static let maxRegisters = 10_000

    var count: Int { registers.count }

    /// Adds a register that is a tombstone, or whose last accept some replica missed.
    func add(_ register: Register) {
        guard registers.count < Self.maxRegisters else {
            needsFullScan = true
            return
        }
        registers.append(register)
    }

    /// Removes and returns the oldest registers, at most `limit`.
    func take(_ limit: Int) -> [Register] {
        let page = Array(registers.prefix(limit))
        registers.removeFirst(page.count)
        return page
    }

    func requestFullScan() { needsFullScan = true }
    func startFullScan() { needsFullScan = false }
}
