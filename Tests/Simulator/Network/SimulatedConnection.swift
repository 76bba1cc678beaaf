import EventLoop
import Replication

/// One connection, from its opening to its closing: sends commands and receives replies, both in order.
///
/// As in `RedisConnection`, the steps of one turn are sent as one script call, and the reads of one turn share one
/// identity check. Long after the connection has closed, the replica may still run commands that were sent on it.
final class SimulatedConnection {
    enum Recipient {
        case sink(any ReplySink)
        case identityCheckedSink(any ReplySink)
        case steps([any ReplySink])
        case identityCheck
        case link((Reply?) -> Void)
    }

    private struct Batch {
        let script: Script
        let shared: [Bytes]
        var keys: [Bytes] = []
        var arguments: [Bytes] = []
        var sinks: [any ReplySink] = []
    }

    private unowned let link: SimulatedLink
    private let path: NetworkPath
    private let replica: SimulatedReplica
    /// The run of the server to which this connection leads.
    let run: UInt64
    private var isOpen = true
    private var outgoing: [(command: WireCommand, recipient: Recipient)] = []
    private var batch: Batch?
    private var unanswered: [[Recipient]] = []
    private var uncheckedReplies: [(sink: any ReplySink, reply: Reply)] = []
    private var lastThereNs: UInt64 = 0
    private var lastBackNs: UInt64 = 0

    private static let maxInFlight = 1_024

    init(link: SimulatedLink, run: UInt64) {
        self.link = link
        path = link.path
        replica = link.replica
        self.run = run
    }

    private var index: Int { replica.index }
    var acceptsCommands: Bool { isOpen && unanswered.reduce(outgoing.count) { $0 + $1.count } < Self.maxInFlight }

    // MARK: Sending

    func add(_ command: WireCommand, to recipient: Recipient) {
        announceOutput()
        outgoing.append((command, recipient))
    }

    func addStep(_ script: Script, key: Bytes, shared: [Bytes], arguments: [Bytes], to sink: any ReplySink) {
        announceOutput()
        if let batch, batch.script != script || batch.shared != shared { sendBatch() }
        var batch = batch ?? Batch(script: script, shared: shared)
        batch.keys.append(key)
        batch.arguments += arguments
        batch.sinks.append(sink)
        self.batch = batch
    }

    private func announceOutput() {
        if outgoing.isEmpty, batch == nil { link.group.hasOutput(self) }
    }

    private func sendBatch() {
        guard let batch = batch.take() else { return }
        outgoing.append(
            (.script(batch.script, keys: batch.keys, arguments: batch.shared + batch.arguments), .steps(batch.sinks)))
    }

    func flush() {
        sendBatch()
        let needsIdentityCheck = outgoing.contains {
            if case .identityCheckedSink = $0.recipient { true } else { false }
        }
        if needsIdentityCheck, case .plain(let arguments)? = link.group.identityCheck?.verb {
            outgoing.append((.plain(arguments), .identityCheck))
        }
        let sent = outgoing
        outgoing.removeAll()
        guard !sent.isEmpty else { return }
        guard isOpen else {
            for entry in sent { lose(entry.recipient) }
            return
        }
        unanswered.append(sent.map(\.recipient))
        let sentNs = link.world.nowNs
        let bytes = path.bytesPerMs == nil ? 0 : sent.reduce(0) { $0 + $1.command.byteCount }
        lastThereNs = path.carry(.there, notBeforeNs: lastThereNs, bytes: bytes) { [self] in
            arrive(sent.map(\.command), sentNs: sentNs)
        }
        watch(sentNs)
    }

    private func arrive(_ commands: [WireCommand], sentNs: UInt64) {
        guard replica.isRunning, replica.run == run else {
            // The server process to which this connection leads has ended.
            lastBackNs = path.carry(.back, notBeforeNs: lastBackNs) { [self] in close() }
            return
        }
        replica.receive(
            SimulatedReplica.Message(commands: commands) { [self] replies in
                let bytes = path.bytesPerMs == nil ? 0 : replies.reduce(0) { $0 + $1.byteCount }
                lastBackNs = path.carry(.back, notBeforeNs: lastBackNs, bytes: bytes) { [self] in
                    receive(replies, sentNs: sentNs)
                }
            })
    }

    /// Watches for late replies. As in production, a late reply opens the circuit breaker, and a connection without
    /// replies is closed after a longer time.
    private func watch(_ sentNs: UInt64) {
        let world = link.world
        let answered = answeredCount
        let place = answered + UInt64(unanswered.count)
        world.after(SimulatedLink.callTimeoutNs) { [weak self] in
            guard let self, isOpen, answeredCount < place else { return }
            link.isSuspect = true
            world.after(SimulatedLink.stallTimeoutNs - SimulatedLink.callTimeoutNs) { [weak self] in
                guard let self, isOpen, answeredCount < place else { return }
                close()
            }
        }
    }

    private var answeredCount: UInt64 = 0

    // MARK: Replies

    private func receive(_ replies: [Reply], sentNs: UInt64) {
        guard isOpen, !unanswered.isEmpty else { return }
        let recipients = unanswered.removeFirst()
        answeredCount += 1
        for (recipient, reply) in zip(recipients, replies) {
            guard isOpen else { return }
            link.didReply(reply, tookNs: link.world.nowNs - sentNs)
            deliver(reply, to: recipient)
        }
    }

    private func deliver(_ reply: Reply, to recipient: Recipient) {
        switch recipient {
        case .sink(let sink): sink.receive(reply, from: index)
        case .link(let body): body(reply)
        case .identityCheckedSink(let sink):
            if case .error = reply { sink.receive(reply, from: index) } else { uncheckedReplies.append((sink, reply)) }
        case .identityCheck:
            let checked = uncheckedReplies
            uncheckedReplies.removeAll()
            for entry in checked { entry.sink.receive(.array([entry.reply, reply]), from: index) }
        case .steps(let sinks):
            if case .array(let elements) = reply, elements.count == sinks.count {
                for (sink, element) in zip(sinks, elements) { sink.receive(element, from: index) }
            } else {
                let error: Reply =
                    if case .error = reply { reply } else {
                        .error("ERR the number of replies differs from the number of steps in the batch")
                    }
                for sink in sinks { sink.receive(error, from: index) }
            }
        }
    }

    private func lose(_ recipient: Recipient) {
        switch recipient {
        case .sink(let sink), .identityCheckedSink(let sink): sink.receive(nil, from: index)
        case .link(let body): body(nil)
        case .steps(let sinks): for sink in sinks { sink.receive(nil, from: index) }
        case .identityCheck: break
        }
    }

    /// Closes both ends. The recipients of missing replies get nil.
    func close() {
        guard isOpen else { return }
        isOpen = false
        sendBatch()
        let lost = unanswered.flatMap { $0 } + outgoing.map(\.recipient)
        unanswered.removeAll()
        outgoing.removeAll()
        let waiting = uncheckedReplies
        uncheckedReplies.removeAll()
        for entry in waiting { entry.sink.receive(nil, from: index) }
        for recipient in lost { lose(recipient) }
        link.didClose(self)
    }

    /// Called when the process at this end has crashed. Recipients of replies are not informed.
    func abandon() {
        isOpen = false
        unanswered.removeAll()
        outgoing.removeAll()
        uncheckedReplies.removeAll()
        batch = nil
    }
}
