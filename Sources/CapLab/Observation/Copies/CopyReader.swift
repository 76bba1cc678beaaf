import EventLoop
import JSON

/// Reads the record of the chosen key directly from each replica, not through the relays, and publishes it in the event
/// `copies`. Also reads the role of each CP replica, and the AP records that the verdict needs.
final class CopyReader {
    /// The records of some keys on one AP replica, read together.
    struct Reading {
        /// When the reading began and ended, in monotonic nanoseconds.
        let beganNs: UInt64
        let endedNs: UInt64
        let records: [String: StoredHash]
    }

    /// A replica, and the content of its last replies.
    private struct Source {
        let node: Node
        let connection: ReplicaConnection
        /// The record of the chosen key; nil until the replica has answered or timed out.
        var copy: Copy?
        /// The last reading of an AP replica; nil if the replica did not answer the last round.
        var reading: Reading?
        var role: String?
        var isBusy = false
        var rounds = 0
        /// How many rounds in a row had no answer.
        var misses = 0
        /// True if the last answer was an error, for example because the password is wrong.
        var isRejected = false
    }

    private static let intervalMs: UInt64 = 250
    private static let timeoutMs: UInt64 = 300
    private static let collectMs: UInt64 = 15
    /// The ``watchedKeys`` of a replica are read only in every fourth round.
    private static let roundsPerReading = 4
    /// After this many rounds without an answer, a replica counts as unresponsive. A single late answer is normal, for
    /// example while Redis forks.
    private static let missesUntilSilent = 4
    private static let maxErrorCharacters = 200

    private let pair: any ObservedPair
    private weak var sink: (any EventSink)?
    private var sources: [Source]
    private var isPublishing = false
    private(set) var key = ""
    /// The AP keys whose records the verdict needs, at most ``APWindow/maxWatchedKeys``.
    var watchedKeys: [String] = []
    /// Called with the error when a replica begins to reject reads, for example because the password is wrong.
    var onRejection: (Node, String) -> Void = { _, _ in }
    /// Returns the names of services by proposer number: the part of a ballot that names its proposer. The message tap
    /// reads these numbers from commands.
    var proposers: () -> [String: String] = { [:] }
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: pair.reactor) { [unowned self] in readAll() }

    init(_ pair: any ObservedPair, _ sink: any EventSink) {
        self.pair = pair
        self.sink = sink
        sources = pair.topology.replicas.map { node in
            Source(
                node: node,
                connection: ReplicaConnection(to: pair.address(of: node), pair.redisLogin, on: pair.reactor))
        }
    }

    /// The last reading per AP replica, without the replicas that did not answer.
    var readings: [String: Reading] { byNode(\.reading) }
    /// Per CP replica, the role in its last answer: `member`, `learner` or `blank`. Replicas whose role is unknown are
    /// missing.
    var roles: [String: String] { byNode(\.role) }

    private func byNode<Value>(_ value: (Source) -> Value?) -> [String: Value] {
        Dictionary(uniqueKeysWithValues: sources.compactMap { source in value(source).map { (source.node.name, $0) } })
    }

    func start() {
        guard !repeater.isRunning else { return }
        repeater.start()
        readAll()
    }

    func stop() {
        guard repeater.isRunning else { return }
        repeater.stop()
        // The next viewer must not get these records first, because they will be outdated.
        forgetCopies()
        for source in sources { source.connection.close() }
    }

    /// The event for a new viewer. Empty until each replica has answered or timed out.
    func firstEvents() -> [(StaticString, [UInt8])] {
        guard hasAllCopies else { return [] }
        return [("copies", event())]
    }

    private var hasAllCopies: Bool { sources.allSatisfy { $0.copy != nil } }

    private func forgetCopies() {
        for index in sources.indices { sources[index].copy = nil }
    }

    /// From now on, reads another key.
    func setKey(_ key: String) {
        guard key != self.key else { return }
        self.key = key
        forgetCopies()
        changed()
        if repeater.isRunning { readAll() }
    }

    /// True if a replica has not answered for at least ``missesUntilSilent`` rounds.
    func isSilent(_ node: Node) -> Bool {
        sources.contains { $0.node == node && $0.misses >= Self.missesUntilSilent }
    }

    // MARK: Reading

    private func readAll() {
        for index in sources.indices where !sources[index].isBusy {
            sources[index].isBusy = true
            pair.reactor.spawn { [weak self] in await self?.read(index) }
        }
    }

    private func read(_ index: Int) async {
        let (node, key, beganNs) = (sources[index].node, key, monotonicNs())
        var watched: [String] = []
        var commands = [["HGETALL", "\(node.group.rawValue):\(key)"]]
        if node.group == .cp {
            commands.append(["HMGET", "cap:identity", "state"])
        } else if sources[index].rounds.isMultiple(of: Self.roundsPerReading) {
            watched = watchedKeys
            commands += watched.map { ["HGETALL", "ap:\($0)"] }
        }
        sources[index].rounds += 1
        let replies = await sources[index].connection.ask(commands, timeoutMs: Self.timeoutMs)
        sources[index].isBusy = false
        sources[index].misses = replies == nil ? sources[index].misses + 1 : 0
        let rejection = replies.flatMap { Self.rejection($0[0]) }
        if let rejection, !sources[index].isRejected { onRejection(node, rejection) }
        if replies != nil { sources[index].isRejected = rejection != nil }
        if node.group == .cp {
            note(role: replies.map { $0[1] }, of: index)
        } else if replies == nil {
            sources[index].reading = nil
        } else if let replies, !watched.isEmpty || watchedKeys.isEmpty {
            let records = zip(watched, replies.dropFirst()).compactMap { key, reply in
                StoredHash(reply).map { (key, $0) }
            }
            sources[index].reading = Reading(
                beganNs: beganNs, endedNs: monotonicNs(), records: Dictionary(records) { $1 })
        }
        guard key == self.key else { return }
        let copy = replies.map { decode($0[0], node) } ?? .unreachable
        guard sources[index].copy != copy else { return }
        sources[index].copy = copy
        changed()
    }

    private func decode(_ reply: RESPMessage, _ node: Node) -> Copy {
        guard let hash = StoredHash(reply) else {
            return Self.rejection(reply) == nil ? Copy(isReachable: true) : .unreachable
        }
        let decoder = RecordDecoder(nowMs: pair.reactor.wallClockMs, proposers: proposers())
        return node.group == .cp ? decoder.consistent(hash) : decoder.available(hash)
    }

    /// The error with which a read was rejected; nil if there is none. `WRONGTYPE` is not a rejection: the key does not
    /// contain a record.
    private static func rejection(_ reply: RESPMessage) -> String? {
        guard reply.elements.first?.kind == .error else { return nil }
        let text = reply.text(0) ?? "an error"
        return text.hasPrefix("WRONGTYPE") ? nil : String(text.prefix(maxErrorCharacters))
    }

    private func note(role reply: RESPMessage?, of index: Int) {
        guard let reply else { return }
        switch reply.text(1) {
        case "member": sources[index].role = "member"
        case .some: sources[index].role = "learner"
        // If the reply is an error, the role is unknown: the replica may still be loading its data.
        case nil: sources[index].role = reply.elements.first?.kind == .array ? "blank" : nil
        }
    }

    // MARK: Publishing

    /// Publishes the event after ``collectMs``, so that it also contains the answers of other replicas in the same
    /// round.
    private func changed() {
        guard !isPublishing, repeater.isRunning else { return }
        isPublishing = true
        _ = LoopTimer(on: pair.reactor, atNs: pair.reactor.nowNs &+ Self.collectMs * nsPerMs) { [weak self] in
            guard let self else { return }
            isPublishing = false
            if hasAllCopies { sink?.publish("copies", event()) }
        }
    }

    private func event() -> [UInt8] {
        var json = JSONWriter(capacity: 2_048)
        json.beginEvent(atUs: pair.elapsedUs)
        json.member("key", key)
        json.key("copies")
        json.beginObject()
        for source in sources {
            json.dynamicKey(source.node.name)
            (source.copy ?? .unreachable).write(to: &json)
        }
        json.endObject()
        json.endObject()
        return json.bytes
    }
}
