import CHiredis
import DequeModule
import EventLoop
import Glibc
import Replication

/// One asynchronous hiredis connection on a reactor: bytes out, replies in, in order.
///
/// It knows no reconnecting and no breaker (``ReplicaLink`` does): it lives from one connect to one close. hiredis 0.14
/// has no timeouts, so the connection remembers when each command was sent and the link looks at the oldest.
final class RedisConnection: DescriptorHandler {
    /// Whom a reply belongs to.
    enum Recipient {
        case sink(any ReplySink)
        /// The reply waits for the guard's reply that follows on this connection.
        case guarded(any ReplySink)
        /// The reply is an array with one element each, or one error for all.
        case steps([any ReplySink])
        case guardCheck
        case link((Reply?) -> Void)

        /// A plain read of a record.
        var isRead: Bool { if case .guarded = self { true } else { false } }

        func refuse(from replica: Int) {
            if case .guarded(let sink) = self { sink.refuse(replyOf: replica) }
        }

        func hold(_ reservation: ReplyReservation) {
            switch self {
            case .sink(let sink), .guarded(let sink): sink.hold(reservation)
            case .steps(let sinks): for sink in sinks { sink.hold(reservation) }
            case .guardCheck, .link: break
            }
        }
    }

    private struct Pending {
        let recipient: Recipient
        let sentNs: UInt64
        let byteCount: Int
    }

    /// What the link wants to hear.
    struct Events {
        var connected: () -> Void
        var closed: (_ reason: String) -> Void
        var replied: (_ reply: Reply, _ sentNs: UInt64) -> Void
    }

    private let reactor: Reactor
    private let replica: Int
    private var events: Events?
    private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var descriptor: Int32 = -1
    private var mask: UInt32 = 0
    private var isFlushing = false
    private var closeReason = "connection closed"

    private var pending = Deque<Pending>()
    private var pendingByteCount = 0
    private var held: [(sink: any ReplySink, reply: Reply)] = []
    private var needsGuard = false
    private var batch: StepBatch?
    /// Steps in ``batch`` and in batches sent and not answered.
    private var stepsInFlight = 0
    private let builder = ReplyBuilder()
    private let encoder: CommandEncoder
    private let batchEncoder: CommandEncoder
    /// True while there is something to flush; the group's list of dirty connections holds this one then.
    private(set) var isDirty = false
    private let becameDirty: (RedisConnection) -> Void
    private let limits: Limits
    private let budget: ReplyBudget

    struct Limits {
        /// Unanswered commands.
        var maxInFlight: Int
        /// Bytes of unanswered commands: a stopped replica must not let memory grow without bound.
        var maxInFlightBytes: Int
        /// Bytes of long replies that are kept.
        var maxHeldReplyBytes: Int
    }

    /// - Parameter encoders: shared by the connections of a group: one for single commands, one for batches, which may have to
    ///   leave while a single command is being encoded.
    init(
        reactor: Reactor, replica: Int, limits: Limits, encoders: (single: CommandEncoder, batch: CommandEncoder),
        becameDirty: @escaping (RedisConnection) -> Void
    ) {
        encoder = encoders.single
        batchEncoder = encoders.batch
        self.reactor = reactor
        self.replica = replica
        self.limits = limits
        budget = ReplyBudget(maxByteCount: limits.maxHeldReplyBytes)
        self.becameDirty = becameDirty
    }

    var inFlight: Int { pending.count + stepsInFlight }
    var isOpen: Bool { context != nil }
    var oldestSentNs: UInt64? { pending.first?.sentNs }

    /// Begins to connect to a literal address; `events` tells the rest. False, with the reason, where it failed at once.
    func open(address: String, port: UInt16, events: Events) -> String? {
        precondition(context == nil && self.events == nil, "a connection opens once")
        guard let context = redisAsyncConnect(address, Int32(port)) else { return "out of memory" }
        guard context.pointee.err == 0 else {
            let reason = context.pointee.errstr.map { String(cString: $0) } ?? "cannot connect"
            redisAsyncFree(context)
            return reason
        }
        self.events = events
        self.context = context
        descriptor = context.pointee.c.fd
        // Retained by hiredis' context until its cleanup hook, the last call it makes, releases it.
        let owner = Unmanaged.passRetained(self).toOpaque()
        context.pointee.data = owner
        context.pointee.ev.data = owner
        builder.attach(to: context.pointee.c.reader)
        installHooks(context)
        redisAsyncSetConnectCallback(context) { context, status in
            if status == REDIS_OK { RedisConnection.of(context).events?.connected() }
        }
        redisAsyncSetDisconnectCallback(context) { _, _ in }
        return nil
    }

    /// Ends the connection; all unanswered commands hear that it was lost. Harmless when it is closed already.
    func close(reason: String) {
        guard let context else { return }
        closeReason = reason
        redisAsyncFree(context)
    }

    /// How many unanswered commands were sent after one moment and not after another. They are in order of sending, so
    /// only the front is looked at.
    func countSent(afterNs: UInt64, upToNs: UInt64) -> Int {
        var count = 0
        for entry in pending {
            if entry.sentNs > upToNs { break }
            if entry.sentNs > afterNs { count += 1 }
        }
        return count
    }

    // MARK: Sending

    var canTake: Bool {
        context != nil && inFlight < limits.maxInFlight && pendingByteCount < limits.maxInFlightBytes
    }

    /// Adds a step to this turn's batch of its script; the batch leaves at the end of the turn, or when it is full.
    func add(_ step: StepBatch.Step, under header: StepBatch.Header, to sink: any ReplySink) {
        if batch?.canTake(header) == false { sendBatch() }
        if batch == nil { batch = StepBatch(header: header) }
        batch?.add(step, to: sink)
        stepsInFlight += 1
        markDirty()
    }

    private func sendBatch() {
        guard let batch = batch.take() else { return }
        batch.encode(into: batchEncoder)
        guard !send(batchEncoder.encoded, to: .steps(batch.sinks)) else { return }
        stepsInFlight -= batch.sinks.count
        for sink in batch.sinks { sink.receive(nil, from: replica) }
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        becameDirty(self)
    }

    /// Queues an encoded command; it leaves at the end of this turn. False where the connection is closing.
    func send(_ encoded: UnsafeBufferPointer<UInt8>, to recipient: Recipient) -> Bool {
        guard let context, let start = encoded.baseAddress else { return false }
        let status = start.withMemoryRebound(to: CChar.self, capacity: encoded.count) { command in
            redisAsyncFormattedCommand(context, RedisConnection.replyCallback, nil, command, encoded.count)
        }
        guard status == REDIS_OK else { return false }
        pending.append(Pending(recipient: recipient, sentNs: reactor.nowNs, byteCount: encoded.count))
        pendingByteCount += encoded.count
        if case .guarded = recipient { needsGuard = true }
        return true
    }

    /// Writes what was queued in this turn, with one guard after all guarded commands of it.
    func flush(identityCheck: (CommandEncoder) -> Void) {
        sendBatch()
        if needsGuard {
            needsGuard = false
            encoder.reset()
            identityCheck(encoder)
            _ = send(encoder.encoded, to: .guardCheck)
        }
        isDirty = false
        guard let context else { return }
        // From here on what cannot be written at once waits for the descriptor.
        isFlushing = true
        redisAsyncHandleWrite(context)
        isFlushing = false
    }

    // MARK: Replies

    private func receive(isLost: Bool) {
        guard let entry = pending.popFirst() else { return }
        pendingByteCount -= entry.byteCount
        guard !isLost else {
            lose(entry.recipient)
            return
        }
        let (reply, byteCount) = builder.take()
        events?.replied(reply, entry.sentNs)
        switch budget.reserve(byteCount: byteCount, isRequired: !entry.recipient.isRead) {
        case .notCounted: break
        case .reserved(let reservation): entry.recipient.hold(reservation)
        case .exceeded:
            entry.recipient.refuse(from: replica)
            return
        }
        switch entry.recipient {
        case .sink(let sink): sink.receive(reply, from: replica)
        case .link(let body): body(reply)
        case .steps(let sinks): answer(sinks, with: reply)
        case .guarded(let sink):
            if case .error = reply { sink.receive(reply, from: replica) } else { held.append((sink, reply)) }
        case .guardCheck:
            let ready = held
            held.removeAll(keepingCapacity: true)
            for entry in ready { entry.sink.receive(.array([entry.reply, reply]), from: replica) }
        }
    }

    private func lose(_ recipient: Recipient) {
        switch recipient {
        case .sink(let sink), .guarded(let sink): sink.receive(nil, from: replica)
        case .link(let body): body(nil)
        case .steps(let sinks):
            stepsInFlight -= sinks.count
            for sink in sinks { sink.receive(nil, from: replica) }
        case .guardCheck: loseHeld()
        }
    }

    private func answer(_ sinks: [any ReplySink], with reply: Reply) {
        stepsInFlight -= sinks.count
        if case .array(let elements) = reply, elements.count == sinks.count {
            for (sink, element) in zip(sinks, elements) { sink.receive(element, from: replica) }
            return
        }
        let error: Reply
        if case .error = reply {
            error = reply
        } else {
            error = .error("ERR a batch with other than one answer a step")
        }
        for sink in sinks { sink.receive(error, from: replica) }
    }

    private func loseHeld() {
        let lost = held
        held.removeAll()
        for entry in lost { entry.sink.receive(nil, from: replica) }
    }

    private func wasFreed() {
        if let text = context?.pointee.errstr, context?.pointee.err != 0 { closeReason = String(cString: text) }
        reactor.unwatch(descriptor)
        context = nil
        // hiredis has called back every pending command with no reply by now; what is held waited for a guard.
        while let entry = pending.popFirst() { lose(entry.recipient) }
        loseHeld()
        if let batch = batch.take() { lose(.steps(batch.sinks)) }
        pendingByteCount = 0
        let closed = events?.closed
        events = nil
        closed?(closeReason)
    }

    // MARK: The event library that hiredis asks for

    func ready(events: UInt32) {
        if events & (EventMask.readable | EventMask.hangup | EventMask.error) != 0 { read() }
        if let context, events & EventMask.writable != 0 {
            isFlushing = true
            redisAsyncHandleWrite(context)
            isFlushing = false
        }
    }

    /// hiredis takes 16 KiB a call. Where they end in the middle of a reply, more is likely there already: a long value would
    /// otherwise take a turn of the loop for each.
    private func read() {
        var calls = 0
        while let context, calls == 0 || (calls < Self.maxReads && Self.isInReply(context.pointee.c.reader)) {
            redisAsyncHandleRead(context)
            calls += 1
        }
    }

    /// In one turn, so that a long value does not keep others waiting.
    private static let maxReads = 16

    private static func isInReply(_ reader: UnsafeMutablePointer<redisReader>) -> Bool {
        reader.pointee.pos < reader.pointee.len
    }

    private func want(_ added: UInt32, not removed: UInt32 = 0) {
        mask = (mask | added) & ~removed
        reactor.watch(descriptor, events: mask, handler: self)
    }

    /// While connected, a write is put off to the end of the turn, so that many commands cost one system call.
    private func wantWrite() {
        let isConnected = context.map { $0.pointee.c.flags & REDIS_CONNECTED != 0 } ?? false
        if isConnected, !isFlushing {
            markDirty()
        } else {
            want(EventMask.writable)
        }
    }

    private func installHooks(_ context: UnsafeMutablePointer<redisAsyncContext>) {
        context.pointee.ev.addRead = { RedisConnection.from($0).want(EventMask.readable) }
        context.pointee.ev.delRead = { RedisConnection.from($0).want(0, not: EventMask.readable) }
        context.pointee.ev.addWrite = { RedisConnection.from($0).wantWrite() }
        context.pointee.ev.delWrite = { RedisConnection.from($0).want(0, not: EventMask.writable) }
        context.pointee.ev.cleanup = { pointer in
            let connection = Unmanaged<RedisConnection>.fromOpaque(pointer!).takeRetainedValue()
            connection.wasFreed()
        }
    }

    private static let replyCallback:
        @Sendable @convention(c) (
            UnsafeMutablePointer<redisAsyncContext>?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
        ) -> Void = { context, reply, _ in
            RedisConnection.of(context).receive(isLost: reply == nil)
        }

    // Both unretained: hiredis' context holds the reference that `open` retained.
    private static func from(_ pointer: UnsafeMutableRawPointer?) -> RedisConnection {
        Unmanaged<RedisConnection>.fromOpaque(pointer!).takeUnretainedValue()
    }

    private static func of(_ context: UnsafePointer<redisAsyncContext>?) -> RedisConnection {
        from(context!.pointee.data)
    }

    private static func of(_ context: UnsafeMutablePointer<redisAsyncContext>?) -> RedisConnection {
        from(context!.pointee.data)
    }
}
