import EventLoop
import Replication

/// Removes delivered hints, for many records in one call every few milliseconds (rule A4). One call per write would
/// cost a third as much as the write.
///
/// If a call is lost, because a connection is full or the instance crashes, its hints stay. They are delivered again,
/// which changes nothing.
final class HintAcknowledgements: Expirable {
    private struct Bucket {
        let owner: Int
        let incarnation: Bytes
        let peers: ReplicaSet
        var keys: [Bytes] = []
        /// Per key: the vector of the delivered record, and the hlc of the step that read it.
        var arguments: [Bytes] = []
    }

    private let environment: Environment
    /// One bucket per owner and set of peers: only a few exist.
    private var buckets: [Bucket] = []
    private var isArmed = false
    private let sink = DiscardingSink()

    private static let delayNs = 5 * nsPerMs
    private static let maxRecords = 256

    init(_ environment: Environment) { self.environment = environment }

    /// Queues the removal of hints: `peers` have the record that `owner` stored as `vector` when its `cap:hlc` was
    /// `hlc`.
    func add(owner: Int, incarnation: Bytes, peers: ReplicaSet, key: Bytes, vector: Bytes, hlc: UInt64) {
        precondition(!peers.contains(owner), "a replica has no hints for itself")
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
        buckets[index].arguments.append(vector)
        buckets[index].arguments.append(Bytes(decimal: hlc))
        if buckets[index].keys.count >= Self.maxRecords {
            send(buckets.remove(at: index))
        } else if !isArmed {
            isArmed = true
            environment.scheduler.schedule(self, atNs: environment.nowNs + Self.delayNs)
        }
    }

    private func send(_ bucket: Bucket) {
        guard environment.group.available.contains(bucket.owner) else { return }
        let peers = bucket.peers.map { environment.replicas.nameBytes[$0] }
        let command = Self.command(
            keys: bucket.keys, peers: peers, arguments: bucket.arguments, incarnation: bucket.incarnation)
        _ = environment.group.send(command, to: [bucket.owner], sink: sink)
    }

    /// - Parameter arguments: per key, the vector of the delivered record and the hlc of the step that read it.
    static func command(keys: [Bytes], peers: [Bytes], arguments: [Bytes], incarnation: Bytes) -> Command {
        var all = [Bytes(decimal: UInt64(peers.count))]
        all.reserveCapacity(peers.count + arguments.count + 2)
        all += peers
        all += arguments
        all.append(incarnation)
        return Command(.script(AvailableScripts.acknowledgeHints, keys: keys), arguments: all)
    }

    // MARK: Expirable

    var isSettled: Bool { !isArmed }

    func expire() {
        isArmed = false
        let due = buckets
        buckets.removeAll(keepingCapacity: true)
        for bucket in due { send(bucket) }
    }
}

/// Discards replies.
private final class DiscardingSink: ReplySink {
    func receive(_ reply: Reply?, from replica: Int) {}
}
