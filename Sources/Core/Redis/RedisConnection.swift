import EventLoop
import Replication

/// Informed of what happens on a ``RedisConnection``.
protocol RedisConnectionDelegate: AnyObject {
    func connectionDidOpen(_ connection: RedisConnection)
    func connection(_ connection: RedisConnection, didReceive reply: Reply, sentNs: UInt64)
    /// Commands wait to be written by ``RedisConnection/flush(identityCheck:)``.
    func connectionHasOutput(_ connection: RedisConnection)
    /// The last call.
    func connectionDidClose(_ connection: RedisConnection, reason: String)
}

/// One connection to one replica: commands out, replies in, in order.
///
/// It lives from one connect to one close; ``ReplicaLink`` reconnects and has the circuit breaker. hiredis 0.14 has no
/// timeouts, so the connection records when each command was sent, and the link checks the oldest.
final class RedisConnection: HiredisSocketDelegate {
    typealias Recipient = UnansweredCommands.Recipient

    struct Limits {
        /// Unanswered commands.
        var maxInFlight: Int
        /// Bytes of unanswered commands: bounds the memory that a stopped replica costs.
        var maxInFlightBytes: Int
        /// Bytes of long replies that are held.
        var maxHeldReplyBytes: Int
    }

    /// Shared by the connections of a group. A batch may have to be encoded while a single command is.
    struct Encoders {
        let single = CommandEncoder()
        let batch = CommandEncoder()
    }

    private let reactor: Reactor
    private let replica: Int
    private let limits: Limits
    private let budget: ReplyBudget
    private let encoders: Encoders
    private let socket: HiredisSocket
    // Strong: the cycle ends when the connection closes.
    private var delegate: (any RedisConnectionDelegate)?
    private var unanswered = UnansweredCommands()
    private var batch: StepBatch?
    /// Replies that wait for the reply to an identity check.
    private var uncheckedReplies: [(sink: any ReplySink, reply: Reply)] = []
    private var needsIdentityCheck = false
    private var isOutputAnnounced = false

    init(reactor: Reactor, replica: Int, limits: Limits, encoders: Encoders) {
        self.reactor = reactor
        self.replica = replica
        self.limits = limits
        self.encoders = encoders
        budget = ReplyBudget(maxByteCount: limits.maxHeldReplyBytes)
        socket = HiredisSocket(reactor: reactor)
    }

    /// Unanswered commands; each step of a batch counts.
    var inFlight: Int { unanswered.count + unanswered.stepCount + (batch?.sinks.count ?? 0) }
    var oldestSentNs: UInt64? { unanswered.oldestSentNs }

    /// Begins to connect to a literal address.
    ///
    /// - Returns: why it failed at once; nil where the delegate is informed of the outcome.
    func open(address: String, port: UInt16, delegate: any RedisConnectionDelegate) -> String? {
        self.delegate = delegate
        let failure = socket.open(address: address, port: port, delegate: self)
        if failure != nil { self.delegate = nil }
        return failure
    }

    /// Closes the connection; all unanswered commands lose their reply. No effect when it is closed already.
    func close(reason: String) { socket.close(reason: reason) }

    func countSent(afterNs: UInt64, upToNs: UInt64) -> Int {
        unanswered.countSent(afterNs: afterNs, upToNs: upToNs)
    }

    // MARK: Sending

    var acceptsCommands: Bool {
        socket.isOpen && inFlight < limits.maxInFlight && unanswered.byteCount < limits.maxInFlightBytes
    }

    /// Adds a step to this turn's batch of its script. The batch is sent at the end of the turn, or when it is full.
    func add(_ step: StepBatch.Step, under header: StepBatch.Header, to sink: any ReplySink) {
        if batch?.accepts(header) == false { sendBatch() }
        if batch == nil { batch = StepBatch(header: header) }
        batch?.add(step, to: sink)
        announceOutput()
    }

    private func sendBatch() {
        guard let batch = batch.take() else { return }
        batch.encode(into: encoders.batch)
        guard !send(encoders.batch.encoded, to: .steps(batch.sinks)) else { return }
        for sink in batch.sinks { sink.receive(nil, from: replica) }
    }

    /// Queues an encoded command, to be written at the end of this turn.
    ///
    /// - Returns: false where the connection is closing: the command was not and will not be sent.
    func send(_ encoded: UnsafeBufferPointer<UInt8>, to recipient: Recipient) -> Bool {
        guard socket.enqueue(encoded) else { return false }
        unanswered.append(.init(recipient: recipient, sentNs: reactor.nowNs, byteCount: encoded.count))
        if recipient.isRead { needsIdentityCheck = true }
        return true
    }

    private func announceOutput() {
        guard !isOutputAnnounced else { return }
        isOutputAnnounced = true
        delegate?.connectionHasOutput(self)
    }

    /// Writes what was queued in this turn, with one identity check after all reads that need it.
    ///
    /// - Parameter identityCheck: encodes that command.
    func flush(identityCheck: (CommandEncoder) -> Void) {
        sendBatch()
        if needsIdentityCheck {
            needsIdentityCheck = false
            encoders.single.reset()
            identityCheck(encoders.single)
            _ = send(encoders.single.encoded, to: .identityCheck)
        }
        isOutputAnnounced = false
        socket.flush()
    }

    // MARK: HiredisSocketDelegate

    func socketDidConnect() { delegate?.connectionDidOpen(self) }

    func socketHasOutput() { announceOutput() }

    func socketDidReceive(_ reply: Reply?, byteCount: Int) {
        guard let command = unanswered.popFirst() else { return }
        guard let reply else {
            lose(command.recipient)
            return
        }
        delegate?.connection(self, didReceive: reply, sentNs: command.sentNs)
        switch budget.reserve(byteCount: byteCount, isRequired: !command.recipient.isRead) {
        case .notCounted: break
        case .reserved(let reservation): command.recipient.hold(reservation)
        case .exceeded:
            if case .identityCheckedSink(let sink) = command.recipient { sink.refuse(replyOf: replica) }
            return
        }
        deliver(reply, to: command.recipient)
    }

    private func deliver(_ reply: Reply, to recipient: Recipient) {
        switch recipient {
        case .sink(let sink): sink.receive(reply, from: replica)
        case .link(let body): body(reply)
        case .steps(let sinks): deliver(reply, toSteps: sinks)
        case .identityCheckedSink(let sink):
            if case .error = reply {
                sink.receive(reply, from: replica)
            } else {
                uncheckedReplies.append((sink, reply))
            }
        case .identityCheck:
            let checked = uncheckedReplies
            uncheckedReplies.removeAll(keepingCapacity: true)
            for entry in checked { entry.sink.receive(.array([entry.reply, reply]), from: replica) }
        }
    }

    private func deliver(_ reply: Reply, toSteps sinks: [any ReplySink]) {
        if case .array(let elements) = reply, elements.count == sinks.count {
            for (sink, element) in zip(sinks, elements) { sink.receive(element, from: replica) }
            return
        }
        let error: Reply
        if case .error = reply {
            error = reply
        } else {
            error = .error("ERR the number of replies differs from the number of steps in the batch")
        }
        for sink in sinks { sink.receive(error, from: replica) }
    }

    private func lose(_ recipient: Recipient) {
        switch recipient {
        case .sink(let sink), .identityCheckedSink(let sink): sink.receive(nil, from: replica)
        case .link(let body): body(nil)
        case .steps(let sinks): for sink in sinks { sink.receive(nil, from: replica) }
        case .identityCheck: loseUncheckedReplies()
        }
    }

    private func loseUncheckedReplies() {
        let lost = uncheckedReplies
        uncheckedReplies.removeAll()
        for entry in lost { entry.sink.receive(nil, from: replica) }
    }

    func socketDidClose(reason: String) {
        // hiredis has reported every command by now. What is left was never sent or waits for an identity check.
        while let command = unanswered.popFirst() { lose(command.recipient) }
        loseUncheckedReplies()
        if let batch = batch.take() { lose(.steps(batch.sinks)) }
        precondition(inFlight == 0, "a closed connection has unanswered commands")
        delegate.take()?.connectionDidClose(self, reason: reason)
    }
}
