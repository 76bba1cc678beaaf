import EventLoop
import Replication

/// Debt that has been delivered, struck off for many records in one call every few milliseconds: one call a write would
/// cost a third of what the write costs.
///
/// What is lost here (a full connection, a crash) stays owed and is delivered again, which changes nothing.
final class StrikeQueue: Expirable {
    private struct Bucket {
        let owner: Int
        let incarnation: Bytes
        let peers: ReplicaSet
        var keys: [Bytes] = []
        var words: [Bytes] = []
    }

    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let peerNames: [Bytes]
    /// One for each owner and set of peers: a handful.
    private var buckets: [Bucket] = []
    private var isArmed = false
    private let nobody = Nobody()

    private static let delayNs = 5 * nsPerMs
    private static let maxRecords = 256

    init(group: any ReplicaGroup, scheduler: any Scheduler, peerNames: [Bytes]) {
        self.group = group
        self.scheduler = scheduler
        self.peerNames = peerNames
    }

    /// `peers` have the record that `owner` held as `vector` when its `cap:hlc` was `hlc`.
    func add(owner: Int, incarnation: Bytes, peers: ReplicaSet, key: Bytes, vector: Bytes, hlc: UInt64) {
        let index: Int
        if let known = buckets.firstIndex(where: {
            $0.owner == owner && $0.peers == peers && $0.incarnation == incarnation
        }) {
            index = known
        } else {
            index = buckets.count
            buckets.append(Bucket(owner: owner, incarnation: incarnation, peers: peers))
        }
        buckets[index].keys.append(key)
        buckets[index].words.append(vector)
        buckets[index].words.append(Bytes(decimal: hlc))
        if buckets[index].keys.count >= Self.maxRecords {
            send(buckets.remove(at: index))
        } else if !isArmed {
            isArmed = true
            scheduler.schedule(self, atNs: scheduler.nowNs + Self.delayNs)
        }
    }

    private func send(_ bucket: Bucket) {
        guard group.available.contains(bucket.owner) else { return }
        let names = bucket.peers.map { peerNames[$0] }
        let command = Self.command(
            keys: bucket.keys, peers: names, words: bucket.words, incarnation: bucket.incarnation)
        _ = group.send(command, to: [bucket.owner], sink: nobody)
    }

    static func command(keys: [Bytes], peers: [Bytes], words: [Bytes], incarnation: Bytes) -> Command {
        var arguments = [Bytes(decimal: UInt64(peers.count))]
        arguments.reserveCapacity(peers.count + words.count + 2)
        arguments += peers
        arguments += words
        arguments.append(incarnation)
        return Command(.script(AvailableScripts.acknowledgeHints, keys: keys), arguments: arguments)
    }

    var isSettled: Bool { !isArmed }

    func expire() {
        isArmed = false
        let due = buckets
        buckets.removeAll(keepingCapacity: true)
        for bucket in due { send(bucket) }
    }
}

/// Takes replies that nobody waits for.
private final class Nobody: ReplySink {
    func receive(_ reply: Reply?, from replica: Int) {}
}
