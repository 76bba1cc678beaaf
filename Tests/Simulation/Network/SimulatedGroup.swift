import EventLoop
import Replication

/// The replicas of one group as one simulated service instance reaches them: the production engines' way to the simulated
/// servers, with the same promises as `RedisReplicaGroup`.
public final class SimulatedGroup: ReplicaGroup {
    public let replicaNames: [String]
    public var identityCheck: Command?
    public var delegate: (any ReplicaGroupDelegate)?
    public private(set) var links: [SimulatedLink] = []

    let process: SimulatedProcess
    let scripts: [Script]
    private var dirty: [SimulatedConnection] = []
    private let near: Set<Int>

    init(
        process: SimulatedProcess, replicas: [SimulatedReplica], paths: [NetworkPath], scripts: [Script],
        near: Set<Int> = []
    ) {
        self.process = process
        self.scripts = scripts
        self.near = near
        replicaNames = replicas.map { "g\($0.index + 1)" }
        links = zip(replicas, paths).map { SimulatedLink(group: self, replica: $0, path: $1) }
    }

    public func start() {
        for link in links { link.start() }
    }

    /// The process has ended: nothing is heard of any more.
    public func abandon() {
        delegate = nil
        for link in links { link.abandon() }
    }

    // MARK: ReplicaGroup

    public var available: ReplicaSet {
        var set: ReplicaSet = []
        for link in links where link.isAvailable { set.insert(link.replica.index) }
        return set
    }

    public var nearestFirst: [Int] {
        available.sorted { (near.contains($0) ? 0 : 1, $0) < (near.contains($1) ? 0 : 1, $1) }
    }

    public func latencyNs(_ replica: Int) -> UInt64 { links[replica].latencyNs }

    public func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        var result = SendResult()
        for replica in targets {
            let link = links[replica]
            guard duringAdmission ? link.isUpOrAdmitting : link.isAvailable, let connection = link.connection else {
                continue
            }
            guard connection.canTake else {
                result.overloaded.insert(replica)
                continue
            }
            let tail = command.tail(replica)
            switch command.verb {
            case .plain(let words):
                connection.add(
                    .plain(words + command.arguments + tail), to: command.checksIdentity ? .guarded(sink) : .sink(sink))
            case .script(let script, let keys):
                connection.add(.script(script, keys: keys, arguments: command.arguments + tail), to: .sink(sink))
            case .step(let script, let key, let shared):
                connection.addStep(script, key: key, shared: shared + tail, arguments: command.arguments, to: sink)
            }
            result.sent.insert(replica)
        }
        return result
    }

    // MARK: Of the connections

    /// As in production, all that was sent in one turn is written together at its end.
    func becameDirty(_ connection: SimulatedConnection) {
        if dirty.isEmpty {
            process.world.atEndOfTurn { [self] in
                let connections = dirty
                dirty.removeAll()
                for connection in connections { connection.flush() }
            }
        }
        dirty.append(connection)
    }
}
