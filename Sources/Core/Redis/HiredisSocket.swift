import CHiredis
import EventLoop
import Replication

/// One asynchronous hiredis connection on a reactor. This class implements the event hooks that hiredis requires, and
/// its callbacks.
final class HiredisSocket: DescriptorHandler {
    private let reactor: Reactor
    private let builder = ReplyBuilder()
    // A strong reference: the reference cycle ends when the socket closes.
    private var connection: RedisConnection?
    private var context: UnsafeMutablePointer<redisAsyncContext>?
    private var descriptor: Int32 = -1
    private var watchedEvents: UInt32 = 0
    private var isFlushing = false
    private var closeReason = "connection closed"

    init(reactor: Reactor) { self.reactor = reactor }

    var isOpen: Bool { context != nil }

    /// Begins to connect to an IP address.
    ///
    /// - Returns: the reason if it failed at once. Nil otherwise: the outcome is reported to `connection` later.
    func open(address: String, port: UInt16, connection: RedisConnection) -> String? {
        precondition(context == nil && self.connection == nil, "a socket opens once")
        guard let context = redisAsyncConnect(address, Int32(port)) else { return "out of memory" }
        guard context.pointee.err == 0 else {
            let reason = context.pointee.errstr.map { String(cString: $0) } ?? "cannot connect"
            redisAsyncFree(context)
            return reason
        }
        self.connection = connection
        self.context = context
        descriptor = context.pointee.c.fd
        // hiredis holds a reference to this object until the cleanup hook, which is the last call that hiredis makes.
        let owner = Unmanaged.passRetained(self).toOpaque()
        context.pointee.data = owner
        context.pointee.ev.data = owner
        builder.attach(to: context.pointee.c.reader)
        installHooks(context)
        redisAsyncSetConnectCallback(context) { context, status in
            if status == REDIS_OK { HiredisSocket.of(context).connection?.didOpen() }
        }
        redisAsyncSetDisconnectCallback(context) { _, _ in }
        return nil
    }

    /// Closes the connection. No effect if it is already closed.
    func close(reason: String) {
        guard let context else { return }
        closeReason = reason
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
        guard let context else { return }
        isFlushing = true
        redisAsyncHandleWrite(context)
        isFlushing = false
        // If the write failed, hiredis has closed the context.
        if let context = self.context { connection?.didWrite(unsent: sdslen(context.pointee.c.obuf)) }
    }

    // MARK: DescriptorHandler

    func ready(events: UInt32) {
        if events & (EventMask.readable | EventMask.hangup | EventMask.error) != 0 { read() }
        if events & EventMask.writable != 0 { flush() }
    }

    /// Reads the bytes that have arrived. hiredis reads 16 KiB per call. A call that ends in the middle of a reply is
    /// repeated, because more has probably arrived. Otherwise a long value would need a loop turn for every 16 KiB.
    private func read() {
        var calls = 0
        while let context, calls == 0 || (calls < Self.maxReads && Self.isInReply(context.pointee.c.reader)) {
            redisAsyncHandleRead(context)
            calls += 1
            guard let reader = self.context?.pointee.c.reader else { continue }
            let byteCount = builder.byteCount + reader.pointee.len - reader.pointee.pos
            if byteCount > 0 { connection?.didReceivePart(byteCount: byteCount) }
        }
    }

    /// The most read calls per turn, so that a long value does not delay other connections.
    private static let maxReads = 16

    private static func isInReply(_ reader: UnsafeMutablePointer<redisReader>) -> Bool {
        reader.pointee.pos < reader.pointee.len
    }

    // MARK: Called by hiredis

    private func installHooks(_ context: UnsafeMutablePointer<redisAsyncContext>) {
        context.pointee.ev.addRead = { HiredisSocket.from($0).watch(EventMask.readable) }
        context.pointee.ev.delRead = { HiredisSocket.from($0).watch(0, not: EventMask.readable) }
        context.pointee.ev.addWrite = { HiredisSocket.from($0).wantsToWrite() }
        context.pointee.ev.delWrite = { HiredisSocket.from($0).watch(0, not: EventMask.writable) }
        context.pointee.ev.cleanup = { Unmanaged<HiredisSocket>.fromOpaque($0!).takeRetainedValue().wasFreed() }
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

    private func receive(isLost: Bool) {
        let (reply, byteCount) = isLost ? (nil, 0) : builder.take()
        connection?.didReceive(reply, byteCount: byteCount)
    }

    private func wasFreed() {
        if let text = context?.pointee.errstr, context?.pointee.err != 0 { closeReason = String(cString: text) }
        reactor.unwatch(descriptor)
        context = nil
        connection.take()?.didClose(reason: closeReason)
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
