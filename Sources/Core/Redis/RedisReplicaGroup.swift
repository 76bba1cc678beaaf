import EventLoop
import Replication
import Resilience

/// What the wiring wants to know about a group: for logs and metrics, never for the protocol.
public protocol RedisGroupObserver: AnyObject {
    /// A connection could not be made, was lost, or was given up; `reason` in a few words.
    func connectionFailed(replica: Int, reason: String)
    /// A new connection was admitted.
    func connected(replica: Int)
    /// The breaker of `replica` moved.
    func breakerChanged(replica: Int, _ transition: CircuitBreaker.Transition)
}

/// Settings of the links of one group; times in milliseconds.
public struct RedisGroupSettings: Sendable {
    /// Names of the replicas to ask first: those of this instance's site. Empty to go by answer times alone.
    public var nearReplicas: Set<String> = []
    /// A command older than this without a reply is a failure to the breaker.
    public var callTimeoutMs: UInt64 = 250
    /// A connection that has not answered anything for this long is closed: hiredis would keep it for ever.
    public var stallTimeoutMs: UInt64 = 500
    /// From connect to admitted.
    public var connectTimeoutMs: UInt64 = 1_000
    /// An idle connection is asked `PING` this often, so that a half-open one is found without a user.
    public var pingIntervalMs: UInt64 = 1_000
    /// Unanswered commands a replica.
    public var maxInFlight: Int = 1_024
    /// Bytes of unanswered commands a replica.
    public var maxInFlightBytes: Int = 64 << 20
    /// Bytes of replies that requests hold, a replica; what comes above that is let go (``ReplyBudget``).
    public var maxHeldReplyBytes: Int = 64 << 20
    /// First pause before a reconnect; doubles with jitter up to ``maxReconnectMs``.
    public var minReconnectMs: UInt64 = 50
    public var maxReconnectMs: UInt64 = 1_000
    /// A healed replica is noticed within `maxOpenForMs` at the latest.
    public var breaker = CircuitBreaker.Settings(openForMs: 250, maxOpenForMs: 1_000)

    public init() {}
}

/// One replica: its name and where it listens.
public struct RedisReplica: Sendable, Equatable {
    public let name: String
    public let endpoint: RedisEndpoint

    public init(name: String, endpoint: RedisEndpoint) {
        self.name = name
        self.endpoint = endpoint
    }
}

/// The replicas of one group over hiredis, on one reactor: a ``ReplicaLink`` each, one shared encoder.
public final class RedisReplicaGroup: ReplicaGroup, TurnParticipant {
    public let replicaNames: [String]
    public var identityCheck: Command?
    // Strong, and let go of by `close`: weak references would slow down every use of the objects they point to.
    public var delegate: (any ReplicaGroupDelegate)?
    public var observer: (any RedisGroupObserver)?

    private let reactor: Reactor
    private let encoder = CommandEncoder()
    private let batchEncoder = CommandEncoder()
    var encoders: (single: CommandEncoder, batch: CommandEncoder) { (encoder, batchEncoder) }
    private let scripts: ScriptTable
    private var links: [ReplicaLink] = []
    private var dirty: [RedisConnection] = []
    private var isClosed = false
    private let isNear: [Bool]

    /// Links are made now and begin to connect with ``start()``. To be called on the reactor's thread.
    /// - Parameter scripts: every script that commands of this group use; loaded into each replica before it is used.
    public init(reactor: Reactor, replicas: [RedisReplica], scripts: [Script], settings: RedisGroupSettings) {
        precondition(!replicas.isEmpty && replicas.count <= maxReplicas)
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

    /// Begins to connect, and to reconnect for as long as the group lives.
    public func start() {
        reactor.add(self)
        for link in links { link.start() }
        reactor.spawn { [self] in
            while !isClosed {
                sortByDistance()
                await reactor.sleep(forNs: Self.sortEveryNs)
            }
        }
    }

    /// Closes all connections for good; unanswered commands hear that theirs was lost.
    public func close() {
        isClosed = true
        for link in links { link.shutDown() }
        available = []
        delegate = nil
        observer = nil
    }

    // MARK: ReplicaGroup

    public private(set) var available: ReplicaSet = []

    /// To be called by a link whenever it may have become available, or no longer be.
    func linkChanged(_ link: ReplicaLink) {
        if link.isAvailable { available.insert(link.index) } else { available.remove(link.index) }
        sortByDistance()
    }

    public func latencyNs(_ replica: Int) -> UInt64 { links[replica].latencyNs }

    public private(set) var nearestFirst: [Int] = []

    private func sortByDistance() {
        guard links.count == replicaNames.count else { return }
        nearestFirst = available.sorted {
            (isNear[$0] ? 0 : 1, links[$0].distance, $0) < (isNear[$1] ? 0 : 1, links[$1].distance, $1)
        }
    }

    /// Answer times change slowly; how often the order is made anew.
    private static let sortEveryNs = 200 * nsPerMs

    public func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        var result = SendResult()
        guard !isClosed else { return result }
        let shared = encodeShared(command)
        if case .step(let script, let key, let words) = command.verb {
            let step = StepBatch.Step(
                key: key, wordCount: command.arguments.count, encodedArguments: encoder.encoded)
            for replica in targets {
                let link = links[replica]
                guard link.isAvailable || (duringAdmission && link.isAdmitting), let connection = link.connection else {
                    continue
                }
                guard connection.canTake else {
                    result.overloaded.insert(replica)
                    continue
                }
                let header = StepBatch.Header(
                    script: script, sha: scripts.sha(of: script), shared: words, tail: command.tail(replica))
                connection.add(step, under: header, to: sink)
                result.sent.insert(replica)
                link.didSend()
            }
            return result
        }
        for replica in targets {
            let link = links[replica]
            guard link.isAvailable || (duringAdmission && link.isAdmitting), let connection = link.connection else {
                continue
            }
            guard connection.canTake else {
                result.overloaded.insert(replica)
                continue
            }
            for word in command.tail(replica) { encoder.word(word) }
            let recipient: RedisConnection.Recipient = command.checksIdentity ? .guarded(sink) : .sink(sink)
            if connection.send(encoder.encoded, to: recipient) {
                result.sent.insert(replica)
                link.didSend()
            }
            encoder.truncate(to: shared)
        }
        return result
    }

    /// Encodes what is the same for every replica and returns its length.
    private func encodeShared(_ command: Command) -> Int {
        encoder.reset()
        switch command.verb {
        case .plain(let words):
            encoder.begin(words: words.count + command.arguments.count + command.tailCount)
            for word in words { encoder.word(word) }
        case .script(let script, let keys):
            encoder.begin(words: 3 + keys.count + command.arguments.count + command.tailCount)
            encoder.word("EVALSHA")
            encoder.word(scripts.sha(of: script))
            encoder.word(Bytes(String(keys.count).utf8))
            for key in keys { encoder.word(key) }
        case .step: break
        }
        for argument in command.arguments { encoder.word(argument) }
        return encoder.count
    }

    // MARK: Of the links

    func becameDirty(_ connection: RedisConnection) { dirty.append(connection) }

    func admit(replica: Int) async -> Bool { await delegate?.admit(replica: replica) ?? true }

    // MARK: TurnParticipant

    public func waitLimitMs() -> Int32? { dirty.isEmpty ? nil : 0 }

    public func turn() {}

    public func endTurn() {
        guard !dirty.isEmpty else { return }
        let connections = dirty
        dirty.removeAll(keepingCapacity: true)
        for connection in connections {
            connection.flush(identityCheck: encodeGuard)
        }
    }

    private func encodeGuard(_ encoder: CommandEncoder) {
        guard let identityCheck, case .plain(let words) = identityCheck.verb else {
            preconditionFailure("a guarded command needs a plain guard command")
        }
        encoder.begin(words: words.count)
        for word in words { encoder.word(word) }
    }

    // MARK: For /circuit-breaker and /replicas

    /// One replica's connection and breaker as they are now.
    public struct LinkStatus {
        public let name: String
        public let isConnected: Bool
        public let inFlight: Int
        /// Running estimate of the answer time in microseconds; nil before the first answer.
        public let latencyUs: UInt64?
        public let reconnects: UInt64
        public let breaker: CircuitBreaker
        public let lastFailure: String?
    }

    public func status() -> [LinkStatus] {
        links.map { link in
            LinkStatus(
                name: replicaNames[link.index], isConnected: link.isUp, inFlight: link.connection?.inFlight ?? 0,
                latencyUs: link.latencyNs == .max ? nil : link.latencyNs / 1_000, reconnects: link.reconnects,
                breaker: link.breaker, lastFailure: link.lastFailure)
        }
    }
}
