import CHiredis
import EventLoop
import Replication

/// One asynchronous hiredis connection on a reactor. This class implements the event hooks that hiredis requires, and
/// its callbacks.
final class HiredisSocket: DescriptorHandler {
    private let reactor: Reactor
    /// Nil for plain TCP.
    private let tls: (any TLSSession)?
    private let builder = ReplyBuilder()
    // A strong reference: the reference cycle ends when the socket closes.
    private var connection: RedisConnection?
    private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var descriptor: Int32 = -1
    private var watchedEvents: UInt32 = 0
    private var isFlushing = false
    private var closeFailure = LinkFailure("connection closed")
    /// Why TLS could not be started. hiredis 1.0 must not close a connection in its connect callback, so the socket
    /// closes it later.
    private var startFailure: LinkFailure?

    init(reactor: Reactor, tls: (any TLSSession)?) {
        self.reactor = reactor
        self.tls = tls
    }

    var isOpen: Bool { context != nil }

    /// True until the TLS handshake has verified the replica.
    var awaitsHandshake: Bool { tls?.isEstablished == false }

    /// Begins to connect to an IP address.
    ///
    /// - Returns: the reason if it failed at once. Nil otherwise: the outcome is reported to `connection` later.
    func open(address: String, port: UInt16, connection: RedisConnection) -> LinkFailure? {
        precondition(context == nil && self.connection == nil, "a socket opens once")
        guard let context = redisAsyncConnect(address, Int32(port)) else { return LinkFailure("out of memory") }
        guard context.pointee.err == 0 else {
            defer { redisAsyncFree(context) }
            return LinkFailure(context.pointee.errstr.map { String(cString: $0) } ?? "cannot connect")
        }
        self.connection = connection
        self.context = context
        descriptor = context.pointee.c.fd
        // hiredis holds a reference to this object until its last call.
        chiredis_set_last_call(context, Unmanaged.passRetained(self).toOpaque()) {
            Unmanaged<HiredisSocket>.fromOpaque($0!).takeRetainedValue().wasFreed()
        }
        builder.attach(to: context.pointee.c.reader)
        installHooks(context)
        redisAsyncSetConnectCallback(context) { context, status in
            if status == REDIS_OK { HiredisSocket.of(context).didConnect() }
        }
        redisAsyncSetDisconnectCallback(context) { _, _ in }
        return nil
    }

    /// Closes the connection. No effect if it is already closed.
    func close(_ failure: LinkFailure) {
        guard let context else { return }
        closeFailure = failure
        redisAsyncFree(context)
    }

    /// Queues an encoded command.
    ///
    /// - Returns: false if the connection is closing.
    func enqueue(_ encoded: Bytes) -> Bool {
        guard let context else { return false }
        return encoded.withUnsafeBytes { bytes in
            let command = bytes.assumingMemoryBound(to: CChar.self).baseAddress
            return redisAsyncFormattedCommand(context, Self.replyCallback, nil, command, bytes.count) == REDIS_OK
        }
    }

    /// Writes the queued commands. The rest of a partial write follows when the descriptor is writable.
    func flush() {
        isFlushing = true
        var calls = 0
        var unsent = context.map { sdslen($0.pointee.c.obuf) } ?? 0
        while let context {
            tls?.willCall()
            redisAsyncHandleWrite(context)
            calls += 1
            // If the write failed, hiredis has closed the context. A call writes only one record by TLS.
            let left = self.context.map { sdslen($0.pointee.c.obuf) } ?? 0
            let isProgress = left < unsent
            unsent = left
            if tls == nil || unsent == 0 || !isProgress || calls == Self.maxCalls { break }
        }
        isFlushing = false
        guard context != nil, calls > 0 else { return }
        connection?.didWrite(unsent: unsent)
        continueTLS(unsent: unsent)
    }

    /// Does what hiredis omits after a call that read or wrote by TLS.
    private func continueTLS(unsent: Int = 0) {
        guard let tls, context != nil else { return }
        if let startFailure = startFailure.take() { return close(startFailure) }
        // hiredis does not watch for a read that has to write. After a read, it also takes a write that the kernel
        // stops for one that has to read.
        if tls.waitsToWrite || (unsent > 0 && !tls.waitsToRead) { watch(EventMask.writable) }
    }

    // MARK: DescriptorHandler

    func ready(events: UInt32) {
        if events & (EventMask.readable | EventMask.hangup | EventMask.error) != 0 { read() }
        guard events & EventMask.writable != 0 else { return }
        if tls?.waitsToWrite == true { read() }
        flush()
    }

    /// Reads the bytes that have arrived. hiredis reads 16 KiB per call. A call that ends in the middle of a reply is
    /// repeated, because more has probably arrived. Otherwise a long value would need a loop turn for every 16 KiB. A
    /// call is also repeated for the rest of a TLS record, for which the descriptor is not readable.
    private func read() {
        defer { continueTLS() }
        var calls = 0
        while let context, calls == 0 || needsRead(context, calls) {
            tls?.willCall()
            redisAsyncHandleRead(context)
            calls += 1
            guard let reader = self.context?.pointee.c.reader else { continue }
            let byteCount = builder.byteCount + reader.pointee.len - reader.pointee.pos
            if byteCount > 0 { connection?.didReceivePart(byteCount: byteCount) }
        }
    }

    /// The most read or write calls per turn, so that a long value does not delay other connections.
    private static let maxCalls = 16

    private func needsRead(_ context: UnsafeMutablePointer<redisAsyncContext>, _ calls: Int) -> Bool {
        if let tls, tls.hasDecryptedBytes { return true }
        guard calls < Self.maxCalls, let reader = context.pointee.c.reader else { return false }
        return reader.pointee.pos < reader.pointee.len
    }

    // MARK: Called by hiredis

    private func installHooks(_ context: UnsafeMutablePointer<redisAsyncContext>) {
        context.pointee.ev.addRead = { HiredisSocket.from($0).watch(EventMask.readable) }
        context.pointee.ev.delRead = { HiredisSocket.from($0).watch(0, not: EventMask.readable) }
        context.pointee.ev.addWrite = { HiredisSocket.from($0).wantsToWrite() }
        context.pointee.ev.delWrite = { HiredisSocket.from($0).watch(0, not: EventMask.writable) }
    }

    private func watch(_ added: UInt32, not removed: UInt32 = 0) {
        watchedEvents = (watchedEvents | added) & ~removed
        reactor.watch(descriptor, events: watchedEvents, handler: self)
    }

    /// While connected, a write is delayed to the end of the turn, so that many commands need one system call.
    private func wantsToWrite() {
        let isConnected = context.map { $0.pointee.c.flags & REDIS_CONNECTED != 0 } ?? false
        if isConnected, !isFlushing {
            connection?.announceOutput()
        } else {
            watch(EventMask.writable)
        }
    }

    private func didConnect() {
        if let tls, let context { startFailure = tls.start(on: context) }
        if startFailure == nil { connection?.didOpen() }
    }

    private func receive(isLost: Bool) {
        let (reply, byteCount) = isLost ? (nil, 0) : builder.take()
        connection?.didReceive(reply, byteCount: byteCount)
    }

    private func wasFreed() {
        if let context, context.pointee.err != 0 { closeFailure = startFailure ?? failure(of: context) }
        reactor.unwatch(descriptor)
        context = nil
        connection.take()?.didClose(closeFailure)
    }

    private func failure(of context: UnsafeMutablePointer<redisAsyncContext>) -> LinkFailure {
        switch context.pointee.err {
        // The builder's replies need no memory of hiredis. It returns none for a reply that it rejects.
        case REDIS_ERR_OOM: LinkFailure("out of memory, or a reply of a kind or depth that no command asks for")
        case REDIS_ERR_IO where isInTLS(context), REDIS_ERR_EOF where isInTLS(context):
            tls?.failure() ?? LinkFailure(String(cString: context.pointee.errstr))
        default: LinkFailure(String(cString: context.pointee.errstr))
        }
    }

    /// True if TLS has begun. An earlier failure is that of TCP.
    private func isInTLS(_ context: UnsafeMutablePointer<redisAsyncContext>) -> Bool {
        tls != nil && context.pointee.c.flags & REDIS_CONNECTED != 0
    }

    private static let replyCallback:
        @Sendable @convention(c) (
            UnsafeMutablePointer<redisAsyncContext>?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
        ) -> Void = { context, reply, _ in
            HiredisSocket.of(context).receive(isLost: reply == nil)
        }

    // These functions do not retain the object: the context holds the reference that `open` retained.
    private static func from(_ pointer: UnsafeMutableRawPointer?) -> HiredisSocket {
        Unmanaged<HiredisSocket>.fromOpaque(pointer!).takeUnretainedValue()
    }

    private static func of(_ context: UnsafePointer<redisAsyncContext>?) -> HiredisSocket {
        from(context!.pointee.data)
    }

    private static func of(_ context: UnsafeMutablePointer<redisAsyncContext>?) -> HiredisSocket {
        from(context!.pointee.data)
    }
}
