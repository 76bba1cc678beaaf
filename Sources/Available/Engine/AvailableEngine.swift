import EventLoop
import Replication

/// The AP engine (DESIGN A1 to A11, in `docs/design.md`): a Dynamo-like store over independent replicas that each do one
/// atomic step.
///
/// Any reachable replica coordinates a write: it takes the value and, in the same step, notes that it owes it to the others.
/// A read asks one replica. While a single replica answers, both succeed; each answer says how old it may be; and once the
/// replicas reach each other again, every debt is paid and all hold the same, concurrent values side by side.
///
/// Lives on one reactor's thread. Knows no socket and no HTTP.
public final class AvailableEngine: ReplicaGroupDelegate {
    public let settings: AvailableSettings
    let group: any ReplicaGroup
    let scheduler: any Scheduler
    public weak var observer: (any AvailableObserver)?

    var clocks: ClockTable
    var states: [ReplicaState]
    var order: ReplicaOrder
    var contexts: ContextCache
    let sessions: SessionSigner
    let strikes: StrikeQueue
    private var putWords: [PutWords?]
    /// By coordinator: what this loop turn has for the other replicas.
    var merges: [MergeBatch?]
    private(set) lazy var flusher = TurnFlusher(engine: self)
    private let siblingLimits: [Bytes]
    private let outboxMaxWord: Bytes
    /// Names this engine in leases.
    let leaseName: Bytes

    var isRunning = false
    /// When some replica could last be asked.
    private(set) var usableNs: UInt64?
    /// Pairs of owner and peer whose debt this engine is delivering.
    var draining: Set<[Int]> = []
    var drainTurn = 0
    /// By source and target of a background batch.
    var batchSizes: [[BatchSize]]
    var heavyRecords: HeavyRecords
    var isWalking = false
    var isReaping = false
    /// Where the next list of what may be collected comes from.
    var reapTurn = 0
    var nextReapNs: UInt64 = 0

    /// - Parameters:
    ///   - group: its delegate and guard command become this engine's.
    ///   - scheduler: the thread's; every method must be called there.
    public init(
        group: any ReplicaGroup, scheduler: any Scheduler, settings: AvailableSettings,
        observer: (any AvailableObserver)? = nil
    ) {
        precondition(group.replicaNames.allSatisfy(AvailableSettings.isValidReplicaName), "bad replica name")
        precondition((1...group.replicaCount).contains(settings.writeAcks), "more acks than replicas")
        self.settings = settings
        self.group = group
        self.scheduler = scheduler
        self.observer = observer
        let names = group.replicaNames
        clocks = ClockTable(count: names.count)
        states = names.map { name in
            let peers = names.filter { $0 != name }
            let words = [Bytes(decimal: UInt64(peers.count))]
            return ReplicaState(name: name, replicaCount: names.count, peerWords: words + peers.map { Bytes($0.utf8) })
        }
        order = ReplicaOrder(count: names.count)
        siblingLimits = [settings.maxSiblings, settings.maxSiblingBytes].map { Bytes(decimal: UInt64(max(1, $0))) }
        outboxMaxWord = Bytes(decimal: UInt64(max(1, settings.outboxMax)))
        sessions = SessionSigner(secret: settings.secret, groupName: settings.groupName)
        contexts = ContextCache(
            signer: ContextSigner(secret: settings.secret, groupName: settings.groupName),
            sessions: sessions, maxEntries: settings.contextCacheEntries)
        strikes = StrikeQueue(group: group, scheduler: scheduler, peerNames: names.map { Bytes($0.utf8) })
        putWords = Array(repeating: nil, count: names.count)
        merges = Array(repeating: nil, count: names.count)
        let size = BatchSize(maxBytes: settings.batchBytes, callTimeoutMs: settings.callTimeoutMs)
        heavyRecords = HeavyRecords(count: names.count)
        batchSizes = Array(repeating: Array(repeating: size, count: names.count), count: names.count)
        leaseName = Bytes("\(settings.nodeName):".utf8) + Bytes(hexadecimal: scheduler.randomBits())
        group.identityCheck = Command(.plain([Bytes("HGET".utf8), RedisKeys.identity, RedisKeys.incarnationField]))
        group.delegate = self
    }

    /// Starts the background work: polls, delivery of debt, comparisons. Each is bounded in what it has in flight, and
    /// every command has a deadline.
    public func start() {
        guard !isRunning else { return }
        isRunning = true
        scheduler.spawn { [self] in await pollUntilStopped() }
    }

    /// Ends the background work after what is in flight; reads and writes go on working.
    public func stop() { isRunning = false }

    // MARK: Choosing a replica

    /// The replica to ask first, of those that can be asked.
    func nearest(excluding excluded: ReplicaSet = []) -> Int? {
        if !order.isValid(atNs: scheduler.nowNs) { updateOrder() }
        let available = group.available
        for replica in order.order
        where available.contains(replica) && !excluded.contains(replica) && clocks[replica] != nil {
            usableNs = scheduler.nowNs
            return replica
        }
        return nil
    }

    /// No replica can be asked, but one could be a moment ago: a short cut, or all breakers open after some. A request waits
    /// for one to come back; where they stay away for longer, it is refused at once.
    var isBetweenConnections: Bool {
        guard group.available.isEmpty, let usableNs else { return false }
        return scheduler.nowNs - usableNs < Self.maxFlapNs
    }

    /// Longer than the longest pause of a breaker before it tries again.
    private static let maxFlapNs = 2_000 * nsPerMs

    /// Replicas that can be asked and are known to be ours.
    var usable: ReplicaSet {
        var usable: ReplicaSet = []
        for replica in group.available where clocks[replica] != nil { usable.insert(replica) }
        return usable
    }

    private func updateOrder() {
        let nowNs = scheduler.nowNs
        let usable = usable
        let candidates = states.indices.map { replica in
            ReplicaOrder.Candidate(
                isUsable: usable.contains(replica), isComplete: states[replica].staleness.ms(atNs: nowNs) != nil,
                isPreferred: settings.preferredReplicas.contains(states[replica].name),
                latencyNs: group.latencyNs(replica))
        }
        order.update(candidates, nowNs: nowNs)
    }

    /// The words that all puts at `coordinator` have in common while its clock is known as `clock`: those of one loop turn
    /// go as one call. Kept from one put to the next, so that comparing them costs nothing.
    func putWords(_ coordinator: Int, _ clock: ReplicaClock) -> PutWords {
        let limit = outboxLimit(coordinator)
        if let known = putWords[coordinator], known.isFor(clock, outboxLimit: limit) { return known }
        let words = PutWords(
            state: states[coordinator], clock: clock, siblingLimits: siblingLimits, outboxLimit: limit)
        putWords[coordinator] = words
        return words
    }

    /// The word of `put` that limits the outboxes of `coordinator`. Looking at their size costs a tenth of the write, so it
    /// is left out while the last poll found them less than half full: between two polls they cannot fill up.
    private func outboxLimit(_ coordinator: Int) -> Bytes {
        let state = states[coordinator]
        let isRecent = scheduler.nowNs < state.owedNs + 2 * settings.pollIntervalMs * nsPerMs
        let isRoomy = settings.outboxMax >= 500_000 && state.debts.allSatisfy { $0.entries < settings.outboxMax / 2 }
        return isRecent && isRoomy ? Words.zero : outboxMaxWord
    }

    /// How old an answer of `replica` may be now, in milliseconds; nil where it is not known. Asks nobody.
    public func stalenessMs(replica: Int) -> Int64? { states[replica].staleness.ms(atNs: scheduler.nowNs) }

    // MARK: Merges

    /// Sends `record` to the other replicas at the end of this loop turn.
    func deliver(_ record: CarriedRecord, hlc: UInt64, from coordinator: Int, clocks: ClockTable, startNs: UInt64) {
        if let batch = merges[coordinator] {
            if batch.canTake(clocks, startNs: startNs) {
                batch.add(record, hlc: hlc)
                return
            }
            batch.send()
        }
        let batch = MergeBatch(coordinator: coordinator, clocks: clocks, startNs: startNs, engine: self)
        batch.add(record, hlc: hlc)
        merges[coordinator] = batch
        flusher.arm()
    }

    func sendMerges() {
        for coordinator in merges.indices {
            merges[coordinator].take()?.send()
        }
    }

    /// Judges a reply to `merge` and learns from it.
    func mergeResult(_ reply: Reply?, from replica: Int) -> MergeResult {
        guard let reply else { return .failed }
        let script = ScriptReply(reply)
        guard let elements = script.ok else {
            noteRefusal(script, from: replica)
            return .failed
        }
        guard elements.count > 2 else { return .joined }
        return .joinedExcept(Set(elements[2...].compactMap { $0.count.map { Int($0) - 1 } }))
    }

    /// A replica refused a script: its clock or its identity are other than we thought.
    func noteRefusal(_ reply: ScriptReply, from replica: Int) {
        switch reply {
        case .late(let steps, let nowUs):
            clocks.read(replica, steps: steps, timeUs: nowUs, receivedNs: scheduler.nowNs)
        case .notMember: readmit(replica)
        case .answer, .error: break
        }
    }
}
