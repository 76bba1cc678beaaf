import EventLoop
import Replication

/// The replicas of one group, as one simulated instance reaches them. It connects the production engines to the
/// simulated servers, with the same guarantees as `RedisReplicaGroup`.
final class SimulatedGroup: ReplicaGroup {
    let replicaNames: [String]
    var identityCheck: Command?
    var delegate: (any ReplicaGroupDelegate)?
    private(set) var links: [SimulatedLink] = []

    let process: SimulatedProcess
    let scripts: [Script]
    private var connectionsWithOutput: [SimulatedConnection] = []
    private let near: Set<Int>

    init(
        process: SimulatedProcess, replicas: [SimulatedReplica], paths: [NetworkPath], scripts: [Script],
        near: Set<Int> = []
    ) {
        self.process = process
        self.scripts = scripts
        self.near = near
        replicaNames = replicas.map(\.name)
        links = zip(replicas, paths).map { SimulatedLink(group: self, replica: $0, path: $1) }
    }

    func start() {
        for link in links { link.start() }
    }

    /// Called when the process has crashed. Nothing is delivered any more.
    func abandon() {
        delegate = nil
        for link in links { link.abandon() }
    }

    // MARK: ReplicaGroup

    var available: ReplicaSet {
        var set: ReplicaSet = []
        for link in links where link.isAvailable { set.insert(link.replica.index) }
        return set
    }

    var nearestFirst: [Int] {
        available.sorted { (near.contains($0) ? 0 : 1, $0) < (near.contains($1) ? 0 : 1, $1) }
    }

    func latencyNs(_ replica: Int) -> UInt64 { links[replica].latencyNs }

    func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        var result = SendResult()
        for replica in targets {
            let link = links[replica]
            guard duringAdmission ? link.isUpOrAdmitting : link.isAvailable, let connection = link.connection else {
                continue
            }
            guard connection.acceptsCommands else {
                result.overloaded.insert(replica)
                continue
            }
            let tail = command.tail(replica)
            switch command.verb {
            case .plain(let arguments):
                connection.add(
                    .plain(arguments + command.arguments + tail),
                    to: command.checksIdentity ? .identityCheckedSink(sink) : .sink(sink))
            case .script(let script, let keys):
                connection.add(.script(script, keys: keys, arguments: command.arguments + tail), to: .sink(sink))
            case .step(let script, let key, let shared):
                connection.addStep(script, key: key, shared: shared + tail, arguments: command.arguments, to: sink)
            }
            result.sent.insert(replica)
        }
        return result
    }

    // MARK: Called by the connections

    /// Called when a connection has something to send. As in production, everything that is sent in one turn is written
    /// together at the end of the turn.
    func hasOutput(_ connection: SimulatedConnection) {
        if connectionsWithOutput.isEmpty {
            process.world.atEndOfTurn { [self] in
                let connections = connectionsWithOutput
                connectionsWithOutput.removeAll()
                for connection in connections { connection.flush() }
            }
        }
        connectionsWithOutput.append(connection)
    }
}
