import EventLoop
import Replication

/// Records that one coordinator took in one loop turn, on their way to the other replicas in one call each. Nobody waits
/// for it: what does not arrive is owed and delivered later.
final class MergeBatch: ReplySink, Expirable {
    let coordinator: Int
    /// What was known of the clocks before the first of these records was written: no fence is ever renewed for a record
    /// in hand (DESIGN A5).
    let clocks: ClockTable
    private let startNs: UInt64
    private let engine: AvailableEngine

    private struct Entry {
        let key: Bytes
        let vector: Bytes
        let hlc: UInt64
    }
    private var entries: [Entry] = []
    private var words: [Bytes] = []
    private var byteCount = 0
    private var outstanding: ReplicaSet = []
    /// Have the records; their debt is not struck off yet.
    private var delivered: ReplicaSet = []
    private var isLingering = false

    private static let maxRecords = 64
    private static let maxBytes = 256 * 1_024
    /// How long one replica's debt waits for the others', to be struck off in one call.
    private static let lingerNs = 20 * nsPerMs

    init(coordinator: Int, clocks: ClockTable, startNs: UInt64, engine: AvailableEngine) {
        self.coordinator = coordinator
        self.clocks = clocks
        self.startNs = startNs
        self.engine = engine
    }

    /// True where a record of a write that began at `startNs` may travel with these.
    func canTake(_ clocks: ClockTable, startNs: UInt64) -> Bool {
        clocks.generation == self.clocks.generation && startNs >= self.startNs && entries.count < Self.maxRecords
            && byteCount < Self.maxBytes
    }

    func add(_ record: CarriedRecord, hlc: UInt64) {
        entries.append(Entry(key: record.key, vector: record.vector, hlc: hlc))
        record.append(to: &words)
        byteCount += record.byteCount
    }

    func send() {
        let targets = engine.group.available.subtracting([coordinator])
        let reachable = targets.filter { clocks[$0] != nil }.reduce(into: ReplicaSet()) { $0.insert($1) }
        guard !reachable.isEmpty, !entries.isEmpty else { return }
        let command = MergeBatch.command(
            keys: entries.map(\.key), words: words, clocks: clocks, startNs: startNs,
            budgetMs: engine.settings.mergeFenceMs)
        words = []
        outstanding = engine.group.send(command, to: reachable, sink: self).sent
    }

    static func command(
        keys: [Bytes], words: [Bytes], clocks: ClockTable, startNs: UInt64, budgetMs: UInt64
    ) -> Command {
        Command(
            .script(AvailableScripts.merge, keys: keys), arguments: words, tailCount: 3,
            tail: { clocks[$0]?.fence(startNs: startNs, budgetMs: budgetMs) ?? [Words.zero, Words.zero, Words.empty] })
    }

    // MARK: ReplySink

    func receive(_ reply: Reply?, from replica: Int) {
        outstanding.remove(replica)
        switch engine.mergeResult(reply, from: replica) {
        case .joined: delivered.insert(replica)
        case .joinedExcept(let refused):
            for place in refused where entries.indices.contains(place) {
                engine.observer?.badRecord(replica: replica, redisKey: entries[place].key)
            }
            strike([replica], except: refused)
        case .failed: break
        }
        if outstanding.isEmpty || isLingering {
            strikeDelivered()
        } else if !delivered.isEmpty {
            isLingering = true
            engine.scheduler.schedule(self, atNs: engine.scheduler.nowNs + Self.lingerNs)
        }
    }

    private func strikeDelivered() {
        // The first that comes alone waits for the others; after the linger each goes by itself.
        guard !delivered.isEmpty else { return }
        strike(delivered, except: [])
        delivered = []
    }

    private func strike(_ peers: ReplicaSet, except refused: Set<Int>) {
        guard let incarnation = clocks[coordinator]?.incarnation else { return }
        for (place, entry) in entries.enumerated() where !refused.contains(place) {
            engine.strikes.add(
                owner: coordinator, incarnation: incarnation, peers: peers, key: entry.key, vector: entry.vector,
                hlc: entry.hlc)
        }
    }

    // MARK: Expirable

    var isSettled: Bool { delivered.isEmpty }

    func expire() { strikeDelivered() }
}

/// What became of one `merge`.
enum MergeResult {
    case joined
    /// All but the records at these places, under whose keys the replica holds something else.
    case joinedExcept(Set<Int>)
    case failed
}

/// Sends what one loop turn gathered at its end.
final class TurnFlusher: Expirable {
    private weak var engine: AvailableEngine?
    private var isArmed = false

    init(engine: AvailableEngine) { self.engine = engine }

    func arm() {
        guard !isArmed, let engine else { return }
        isArmed = true
        engine.scheduler.schedule(self, atNs: engine.scheduler.nowNs)
    }

    var isSettled: Bool { !isArmed }

    func expire() {
        isArmed = false
        engine?.sendMerges()
    }
}
