import DequeModule
import EventLoop
import Replication

/// Sends missed accepts again (rule C11), collects tombstones (rule C10) and commits expiries that nobody reads: in the
/// background, a page at a time.
///
/// What it was told of is looked at within seconds. Everything is walked through after a replica came back or became a
/// member, and now and then all the same, so that nothing depends on what a process remembered.
final class Upkeep {
    struct Counts: Sendable, Equatable {
        /// Registers of which a replica was sent an accept it had missed.
        var caughtUp: UInt64 = 0
        /// Tombstones that all counted replicas were told to forget.
        var collected: UInt64 = 0
        /// Walks through all registers that came to their end.
        var walks: UInt64 = 0
    }

    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let groupName: Bytes
    private let proposer: Proposer
    private let settings: ConsistentSettings
    private(set) var counts = Counts()

    /// Registers to look at, oldest first; past the bound all are walked through instead.
    private var noted: Deque<Register> = []
    private static let maxNoted = 10_000
    private var isWalkWanted = true
    private var lastWalkNs: UInt64 = 0
    private static let timeoutNs = 1_000 * nsPerMs
    /// Registers mended at a time: values are up to a megabyte, and replicas may be far away.
    private static let maxAtOnce = 16

    init(
        group: any ReplicaGroup, scheduler: any Scheduler, groupName: Bytes, proposer: Proposer,
        settings: ConsistentSettings
    ) {
        self.group = group
        self.scheduler = scheduler
        self.groupName = groupName
        self.proposer = proposer
        self.settings = settings
    }

    /// A replica may have missed accepts, of which registers is not known.
    func wantWalk() { isWalkWanted = true }

    /// This register is a tombstone, or some replica missed its last accept.
    func note(_ register: Register) {
        guard noted.count < Self.maxNoted else {
            isWalkWanted = true
            return
        }
        noted.append(register)
    }

    /// One step: what was noted, and a walk where one is due. Nothing unless all counted replicas are there: two of three
    /// have no third to catch up or to collect with.
    func run() async {
        guard let configuration = proposer.configurations.current,
            configuration.counted.subtracting(group.available).isEmpty
        else { return }
        let scan = RegisterScan(
            group: group, scheduler: scheduler, groupName: groupName,
            commands: AcceptorCommands(group: groupName, configuration: configuration), pageSize: settings.pageSize)
        // What is noted from here on waits for the next step: a tombstone must have had time to reach all.
        var left = noted.count
        while left > 0 {
            let page = Array(noted.prefix(min(left, settings.pageSize)))
            noted.removeFirst(page.count)
            left -= page.count
            await mend(page, scan, from: nil)
            await scheduler.sleep(forNs: 2 * nsPerMs)
        }
        if isWalkWanted || scheduler.nowNs - lastWalkNs >= settings.walkIntervalMs * nsPerMs { await walk(scan) }
    }

    private func walk(_ scan: RegisterScan) async {
        isWalkWanted = false
        await mend([.configuration], scan, from: nil)
        for replica in scan.commands.configuration.counted {
            do throws(RegisterScan.Halt) {
                try await scan.forEachPage(of: replica) { page throws(RegisterScan.Halt) in
                    await mend(page, scan, from: replica)
                }
            } catch {
                // Begun again at the next step that finds all of them there.
                isWalkWanted = true
                return
            }
        }
        counts.walks += 1
        lastWalkNs = scheduler.nowNs
    }

    // MARK: Mending

    /// - Parameter origin: the replica that showed these registers in a walk. The first replica that holds a register
    ///   answers for it, so that it is not looked at three times; nil where they were noted.
    private func mend(_ page: [Register], _ scan: RegisterScan, from origin: Int?) async {
        let counted = scan.commands.configuration.counted
        let holdings = await scan.holdings(of: page, at: counted)
        await scheduler.forEach(Array(zip(page, holdings)), atOnce: Self.maxAtOnce) { [self] register, held in
            let ballots = counted.map { held[$0].ballot }
            if let origin, counted.first(where: { held[$0].ballot ?? .zero > .zero }) != origin { return }
            guard let highest = ballots.compactMap({ $0 }).max(), highest > .zero else { return }
            let holders = counted.filter { held[$0].ballot == highest }
            guard holders.count >= proposer.quorum else {
                // Not chosen. Where nothing is under way that stays so until somebody reads it.
                if origin != nil, !ballots.contains(nil) { await settle(register) }
                return
            }
            let behind = counted.filter { held[$0].ballot.map { $0 < highest } ?? false }
            if !behind.isEmpty {
                await catchUp(register, highest, from: holders, to: behind, scan)
            } else if case .state(_, let isDeleted, let expiresMs) = held[holders[0]], !ballots.contains(nil) {
                if isDeleted {
                    await collect(register, highest, scan)
                } else if let expiresMs, expiresMs <= scheduler.wallClockMs {
                    await settle(register)
                }
            }
        }
    }

    /// A full round of the register: completes what is half done, and commits an expiry.
    private func settle(_ register: Register) async {
        _ = await proposer.submit(.read, on: register, deadlineNs: deadlineNs)
        note(register)
    }

    private func catchUp(
        _ register: Register, _ ballot: Ballot, from holders: [Int], to behind: [Int], _ scan: RegisterScan
    ) async {
        let source = holders[0]
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        defer { call.close() }
        call.send(UpkeepCommands.record(register), to: [source])
        await call.waitForAll()
        guard let reply = call.reply(from: source), scan.isMember(source, by: reply[1]),
            case .array(let fields)? = reply[0], fields.count >= 7, fields[0].bytes == ballot.text,
            let state = RegisterState(fields: fields[1...])
        else { return }
        let accept = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        accept.send(scan.commands.accept(register, ballot, state), to: ReplicaSet(behind))
        await accept.waitForAll()
        counts.caughtUp += 1
        let isRefused = accept.answered.contains { replica in
            if case .rejected? = accept.reply(from: replica).map(AcceptorReply.init(accept:)) { true } else { false }
        }
        if isRefused {
            // A promise outlived its round, or the floor of collected keys (rule C10) is above the ballot of a record that
            // is missing: the same state needs a higher one.
            await settle(register)
        } else if state.isDeleted {
            note(register)
        }
    }

    private func collect(_ register: Register, _ ballot: Ballot, _ scan: RegisterScan) async {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        call.send(UpkeepCommands.collect(register, ballot, by: scan.commands), to: scan.commands.configuration.counted)
        await call.waitForAll()
        counts.collected += 1
    }

    private var deadlineNs: UInt64 { scheduler.nowNs + Self.timeoutNs }
}

extension ReplicaSet {
    fileprivate init(_ replicas: [Int]) {
        self = []
        for replica in replicas { insert(replica) }
    }
}
