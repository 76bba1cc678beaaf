import EventLoop
import Replication

/// One connection to one replica: sends commands, and receives the replies in the same order.
///
/// A connection lives from one connect to one close. ``ReplicaLink`` reconnects and owns the circuit breaker. Because
/// hiredis 0.14 has no timeouts, the connection records the replica's progress on the oldest command, and the link
/// checks it.
final class RedisConnection {
    typealias Recipient = UnansweredCommands.Recipient

    private let reactor: Reactor
    private let replica: Int
    private let settings: RedisGroupSettings
    private let budget: ReplyBudget
    private let socket: HiredisSocket
    // A strong reference: the reference cycle ends when the connection closes.
    private var link: ReplicaLink?
    private var unanswered = UnansweredCommands()
    private var batch: StepBatch?
    /// Replies that wait for the reply to an identity check.
    private var uncheckedReplies: [(sink: any ReplySink, reply: Reply)] = []
    private var needsIdentityCheck = false
    private var isOutputAnnounced = false

    /// - Parameter tls: the TLS session of the connection; nil for plain TCP.
    init(reactor: Reactor, replica: Int, settings: RedisGroupSettings, tls: (any TLSSession)?) {
        self.reactor = reactor
        self.replica = replica
        self.settings = settings
        budget = ReplyBudget(maxByteCount: settings.limits.maxHeldReplyBytes)
        socket = HiredisSocket(reactor: reactor, tls: tls)
    }

    /// The number of unanswered commands, including each step of a batch.
    var inFlight: Int { unanswered.count + unanswered.stepCount + (batch?.sinks.count ?? 0) }
    /// When the replica last made progress on the oldest unanswered command; nil if there is none.
    var progressNs: UInt64? { unanswered.count == 0 ? nil : unanswered.progressNs }

    /// Begins to connect to an IP address.
    ///
    /// - Returns: the reason if it failed at once. Nil otherwise: the outcome is reported to `link` later.
    func open(address: String, port: UInt16, link: ReplicaLink) -> LinkFailure? {
        let failure = socket.open(address: address, port: port, connection: self)
        if failure == nil { self.link = link }
        return failure
    }

    /// Why the connection is closed if its setup takes too long. A server without TLS on the port may not answer a
    /// handshake, because it waits for the end of a command.
    var setupTimeoutReason: String {
        socket.awaitsHandshake ? "no answer to the TLS handshake" : "no reply while connecting"
    }

    /// Closes the connection. All unanswered commands lose their reply. No effect if it is already closed.
    func close(reason: String) { close(LinkFailure(reason)) }

    func close(_ failure: LinkFailure) { socket.close(failure) }

    // MARK: Sending

    /// False if the connection is closed, or a command of `byteCount` bytes would wait behind too many others. A small
    /// command is never rejected because of the bytes of large ones.
    func accepts(byteCount: Int) -> Bool {
        guard socket.isOpen, inFlight < settings.limits.maxInFlight else { return false }
        return byteCount <= Self.smallByteCount
            || unanswered.byteCount + (batch?.byteCount ?? 0) < settings.limits.maxInFlightBytes
    }

    private static let smallByteCount = 16 << 10

    /// Adds a step to the current batch of its script. The batch is sent at the end of the loop turn, or when it is
    /// full.
    func add(_ step: StepBatch.Step, under header: StepBatch.Header, to sink: any ReplySink) {
        if batch?.accepts(header) == false { sendBatch() }
        if batch == nil { batch = StepBatch(header: header) }
        batch?.add(step, to: sink)
        announceOutput()
    }

    private func sendBatch() {
        guard let batch = batch.take() else { return }
        if !send(batch.encoded, to: .steps(batch.sinks)) { deliver(nil, to: .steps(batch.sinks)) }
    }

    /// Sends a command of the link itself. `body` gets nil if the reply is lost.
    func ask(_ arguments: [Bytes], then body: @escaping (Reply?) -> Void) {
        if !send(CommandEncoder(arguments).encoded, to: .link(body)) { body(nil) }
    }

    /// Queues an encoded command, to be written at the end of this loop turn.
    ///
    /// - Returns: false if the connection is closing. The command was not sent and will not be.
    func send(_ encoded: Bytes, to recipient: Recipient) -> Bool {
        guard socket.enqueue(encoded) else { return false }
        unanswered.append(.init(recipient: recipient, sentNs: reactor.nowNs, byteCount: encoded.count))
        if recipient.isRead { needsIdentityCheck = true }
        return true
    }

    /// Reports to the link that commands wait to be written by ``flush(identityCheck:)``.
    func announceOutput() {
        guard !isOutputAnnounced else { return }
        isOutputAnnounced = true
        link?.connectionHasOutput(self)
    }

    /// Writes the commands that were queued in this loop turn, with one identity check after all reads that need it.
    func flush(identityCheck: Command?) {
        sendBatch()
        if needsIdentityCheck {
            needsIdentityCheck = false
            guard case .plain(let arguments)? = identityCheck?.verb else {
                preconditionFailure("a command that checks the identity needs a plain `identityCheck`")
            }
            _ = send(CommandEncoder(arguments).encoded, to: .identityCheck)
        }
        isOutputAnnounced = false
        socket.flush()
    }

    // MARK: Called by the socket

    func didOpen() { link?.connectionDidOpen(self) }

    /// The kernel has accepted all but the last `unsent` bytes of all commands.
    func didWrite(unsent: Int) {
        // Read the clock again: the write comes at the end of the turn, which may have lasted long.
        unanswered.didWrite(unsent: unsent, atNs: monotonicNs())
    }

    /// About `byteCount` bytes of the reply to the oldest command have arrived, and the reply is still incomplete.
    /// Closes the connection if the reply is longer than any valid reply to that command.
    func didReceivePart(byteCount: Int) {
        unanswered.didReceive(replyBytes: byteCount, atNs: reactor.nowNs)
        let limit = unanswered.oldest?.maxReplyBytes(maxValueBytes: settings.limits.maxValueBytes)
        if byteCount > limit ?? Recipient.maxShortReplyBytes { close(reason: "a reply longer than what was asked for") }
    }

    /// The reply to the oldest unanswered command has arrived, and needs about `byteCount` bytes of memory. A nil reply
    /// means that the reply was lost with the connection.
    func didReceive(_ reply: Reply?, byteCount: Int) {
        guard let command = unanswered.popFirst(atNs: reply == nil ? 0 : reactor.nowNs) else { return }
        if let reply {
            link?.connection(self, didReceive: reply, sentNs: command.sentNs)
            switch budget.reserve(byteCount: byteCount, isRequired: !command.recipient.isRead) {
            case .notCounted: break
            case .reserved(let reservation): command.recipient.hold(reservation)
            case .exceeded:
                if case .identityCheckedSink(let sink) = command.recipient { sink.receiveOverBudget(from: replica) }
                return
            }
        }
        deliver(reply, to: command.recipient)
    }

    private func deliver(_ reply: Reply?, to recipient: Recipient) {
        switch recipient {
        case .sink(let sink): sink.receive(reply, from: replica)
        case .link(let body): body(reply)
        case .steps(let sinks): deliver(reply, toSteps: sinks)
        case .identityCheckedSink(let sink):
            switch reply {
            case nil, .error?: sink.receive(reply, from: replica)
            case let reply?: uncheckedReplies.append((sink, reply))
            }
        case .identityCheck:
            let checked = uncheckedReplies
            uncheckedReplies.removeAll(keepingCapacity: true)
            for entry in checked { entry.sink.receive(reply.map { .array([entry.reply, $0]) }, from: replica) }
        }
    }

    private func deliver(_ reply: Reply?, toSteps sinks: [any ReplySink]) {
        switch reply {
        case .array(let elements)? where elements.count == sinks.count:
            for (sink, element) in zip(sinks, elements) { sink.receive(element, from: replica) }
        case nil, .error?:
            for sink in sinks { sink.receive(reply, from: replica) }
        default:
            let error = Reply.error("ERR the number of replies differs from the number of steps in the batch")
            for sink in sinks { sink.receive(error, from: replica) }
        }
    }

    /// The last call of the socket. Before it, the socket reported a reply, or its loss, for every command that it
    /// sent.
    func didClose(_ failure: LinkFailure) {
        // Complete the rest: replies that wait for an identity check, and commands that were never sent.
        while let command = unanswered.popFirst() { deliver(nil, to: command.recipient) }
        deliver(nil, to: .identityCheck)
        if let batch = batch.take() { deliver(nil, to: .steps(batch.sinks)) }
        precondition(inFlight == 0, "a closed connection has unanswered commands")
        link.take()?.connectionDidClose(self, failure)
    }
}
