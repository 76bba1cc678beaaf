import EventLoop
import Replication
import Resilience

/// The replicas of one group, connected through hiredis on one reactor. Each replica has one ``ReplicaLink``.
public final class RedisReplicaGroup: ReplicaGroup, TurnParticipant {
    public let replicaNames: [String]
    public var identityCheck: Command?
    // A strong reference, released by `close`. A weak one would slow down every use of the object.
    public var delegate: (any ReplicaGroupDelegate)?
    public var observer: (any RedisGroupObserver)?

    private let reactor: Reactor
    private let scripts: ScriptTable
    private let isNear: [Bool]
    private var links: [ReplicaLink] = []
    private var output = Output()
    private var isClosed = false

    /// The output of the current loop turn.
    private struct Output {
        /// Encodes one command after the other, in the same buffer.
        var encoder = CommandEncoder()
        /// The connections that have commands to write at the end of the turn.
        var connections: [RedisConnection] = []
    }

    /// Creates the links, which begin to connect after ``start()``. Call it on the reactor's thread.
    ///
    /// - Parameter scripts: every script that commands of this group use. Each replica loads them before it is used.
    public init(reactor: Reactor, replicas: [RedisReplica], scripts: [Script], settings: RedisGroupSettings) {
        precondition(!replicas.isEmpty && replicas.count <= maxReplicas, "a group has 1 to \(maxReplicas) replicas")
        self.reactor = reactor
        self.scripts = ScriptTable(scripts)
        replicaNames = replicas.map(\.name)
        isNear = replicas.map { settings.nearReplicas.contains($0.name) }
        links = replicas.enumerated().map { index, replica in
            ReplicaLink(
                index: index, endpoint: replica.endpoint, reactor: reactor, scripts: self.scripts, settings: settings,
                group: self)
        }
    }

    /// Begins to connect, and to reconnect until ``close()``.
    public func start() {
        reactor.add(self)
        for link in links { link.start() }
        reactor.spawn { [self] in
            while !isClosed {
                sortByDistance()
                await reactor.sleep(forNs: Self.sortIntervalNs)
            }
        }
    }

    /// Closes all connections. Unanswered commands lose their reply.
    public func close() {
        isClosed = true
        for link in links { link.shutDown() }
        available = []
        delegate = nil
        observer = nil
    }

    // MARK: Availability

    public private(set) var available: ReplicaSet = []

    public private(set) var nearestFirst: [Int] = []

    public func latencyNs(_ replica: Int) -> UInt64 { links[replica].health.latencyNs }

    public func refusesConnections(_ replica: Int) -> Bool {
        !links[replica].isUp && links[replica].history.lastFailure?.cause == .connectionRefused
    }

    public func rejectsCommands(_ replica: Int) -> Bool {
        !links[replica].isAvailable && links[replica].history.lastCounted?.cause == .rejected
    }

    /// How often the order of the replicas is recomputed, because latencies change slowly. It is also recomputed when a
    /// replica may have become available or unavailable.
    private static let sortIntervalNs = 200 * nsPerMs

    private func sortByDistance() {
        nearestFirst = available.sorted {
            (isNear[$0] ? 0 : 1, links[$0].health.distance, $0) < (isNear[$1] ? 0 : 1, links[$1].health.distance, $1)
        }
    }

    // MARK: Sending

    public func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        var result = SendResult()
        guard !isClosed else { return result }
        // Move the encoder to a local variable for this call, because Swift checks each access to a variable of a class
        // for exclusivity.
        var encoder = CommandEncoder()
        swap(&encoder, &output.encoder)
        defer { swap(&encoder, &output.encoder) }
        encodeSharedPart(of: command, with: &encoder)
        let sharedByteCount = encoder.encoded.count
        for replica in targets {
            let link = links[replica]
            guard link.isAvailable || (duringAdmission && link.isAdmitting), let connection = link.connection else {
                continue
            }
            guard connection.accepts(byteCount: encoder.encoded.count) else {
                result.overloaded.insert(replica)
                continue
            }
            if case .step(let script, let key, let shared) = command.verb {
                let header = StepBatch.Header(
                    script: script, sha: scripts.sha(of: script), shared: shared, tail: command.tail(replica))
                let step = StepBatch.Step(
                    key: key, argumentCount: command.arguments.count, encodedArguments: encoder.encoded)
                connection.add(step, under: header, to: sink)
            } else {
                encoder.append(command.tail(replica))
                defer { encoder.truncate(to: sharedByteCount) }
                let recipient: RedisConnection.Recipient =
                    command.checksIdentity ? .identityCheckedSink(sink) : .sink(sink)
                guard connection.send(encoder.encoded, to: recipient) else { continue }
            }
            result.sent.insert(replica)
            link.didSend()
        }
        return result
    }

    /// Encodes the part of a command that is equal for every replica. For a step of a batch, encodes only its own
    /// arguments.
    private func encodeSharedPart(of command: Command, with encoder: inout CommandEncoder) {
        encoder.reset()
        switch command.verb {
        case .plain(let arguments):
            encoder.begin(argumentCount: arguments.count + command.arguments.count + command.tailCount)
            encoder.append(arguments)
        case .script(let script, let keys):
            encoder.begin(
                sha: scripts.sha(of: script), keys: keys, argumentCount: command.arguments.count + command.tailCount)
        case .step: break
        }
        encoder.append(command.arguments)
    }

    // MARK: Called by the links

    /// Called when `link` may have become available or unavailable.
    func linkChanged(_ link: ReplicaLink) {
        if link.isAvailable { available.insert(link.index) } else { available.remove(link.index) }
        sortByDistance()
    }

    func hasOutput(_ connection: RedisConnection) { output.connections.append(connection) }

    func admit(replica: Int) async -> Bool { await delegate?.admit(replica: replica) ?? true }

    // MARK: TurnParticipant

    public func waitLimitMs() -> Int32? { output.connections.isEmpty ? nil : 0 }

    public func turn() {}

    public func endTurn() {
        guard !output.connections.isEmpty else { return }
        let connections = output.connections
        output.connections.removeAll(keepingCapacity: true)
        for connection in connections { connection.flush(identityCheck: identityCheck) }
    }

    // MARK: Status

    /// One replica's connection and circuit breaker.
    public struct LinkStatus {
        public let name: String
        public let isConnected: Bool
        public let inFlight: Int
        /// A moving average of the latency in microseconds; nil before the first reply.
        public let latencyUs: UInt64?
        public let reconnects: UInt64
        public let breaker: CircuitBreaker
        public let lastFailure: LinkFailure?
    }

    public func status() -> [LinkStatus] {
        links.map { link in
            let latencyNs = link.health.latencyNs
            return LinkStatus(
                name: replicaNames[link.index], isConnected: link.isUp, inFlight: link.connection?.inFlight ?? 0,
                latencyUs: latencyNs == .max ? nil : latencyNs / 1_000, reconnects: link.history.reconnects,
                breaker: link.health.breaker, lastFailure: link.history.lastFailure)
        }
    }
}
