import EventLoop
import Glibc

/// A connection directly to one redis-server, not through a service or relay. It never blocks the reactor's thread.
///
/// It sends one batch of commands at a time. After a timeout it sends nothing until the late replies have arrived, so
/// that no commands pile up at a paused replica.
final class ReplicaConnection: DescriptorHandler {
    /// The commands of one `ask`, and the replies to them so far.
    private struct Batch {
        let commandCount: Int
        let continuation: UnsafeContinuation<[RESPMessage]?, Never>
        let timer: LoopTimer
        var replies: [RESPMessage] = []
    }

    private static let limits = RESPReader.Limits(elements: 8_192, bytesPerElement: 8 << 10, bytes: 512 << 10)

    private let connector: Connector
    private let login: RedisLogin
    private let reactor: Reactor
    private var descriptor: Int32 = -1
    private var isConnected = false
    private var unsent: [UInt8] = []
    private var reader = RESPReader()
    /// How many of the next replies are discarded: those of batches that have timed out, and the reply to AUTH.
    private var ignored = 0
    private var batch: Batch?
    private var scratch = [UInt8](repeating: 0, count: 32 << 10)

    init(to address: NodeAddress, _ login: RedisLogin, on reactor: Reactor) {
        connector = Connector(address, on: reactor)
        self.login = login
        self.reactor = reactor
    }

    /// - Parameter timeoutMs: the longest wait, in milliseconds.
    /// - Returns: a reply to each command; nil if the connection failed, or if the replica did not answer in time or
    ///   still has to answer earlier commands.
    func ask(_ commands: [[String]], timeoutMs: UInt64) async -> [RESPMessage]? {
        precondition(batch == nil, "one batch at a time")
        if descriptor < 0 {
            guard await connect(timeoutMs: timeoutMs) else { return nil }
        } else if ignored > 0 {
            return nil
        }
        for command in commands { Self.append(command, to: &unsent) }
        return await withUnsafeContinuation { continuation in
            let timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ timeoutMs * nsPerMs) { [weak self] in
                self?.giveUp()
            }
            batch = Batch(commandCount: commands.count, continuation: continuation, timer: timer)
            if isConnected { send() }
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        reactor.unwatch(descriptor)
        Glibc.close(descriptor)
        descriptor = -1
        isConnected = false
        finish(nil)
    }

    // MARK: Connection

    private func connect(timeoutMs: UInt64) async -> Bool {
        guard let fresh = await connector.connect(timeoutMs: timeoutMs) else { return false }
        descriptor = fresh
        isConnected = false
        reader = RESPReader(limits: Self.limits)
        unsent = []
        if let command = login.command { Self.append(command, to: &unsent) }
        ignored = login.command == nil ? 0 : 1
        reactor.watch(descriptor, events: EventMask.writable, handler: self)
        return true
    }

    func ready(events: UInt32) {
        guard isConnected else {
            guard Sockets.takeError(descriptor) == 0, events & EventMask.error == 0 else { return close() }
            isConnected = true
            return send()
        }
        if events & EventMask.writable != 0 { send() }
        if descriptor >= 0, events & ~EventMask.writable != 0 { receive() }
    }

    private func send() {
        while !unsent.isEmpty {
            let count = Glibc.send(descriptor, unsent, unsent.count, Int32(MSG_NOSIGNAL))
            if count < 0, errno == EAGAIN { break }
            guard count > 0 else { return close() }
            unsent.removeFirst(count)
        }
        let events = EventMask.readable | (unsent.isEmpty ? 0 : EventMask.writable)
        reactor.watch(descriptor, events: events, handler: self)
    }

    /// Reads only once, so that a long reply does not keep the reactor busy.
    private func receive() {
        let count = recv(descriptor, &scratch, scratch.count, 0)
        if count < 0, errno == EAGAIN { return }
        guard count > 0 else { return close() }
        scratch.withUnsafeBytes { bytes in
            reader.read(UnsafeRawBufferPointer(rebasing: bytes[..<count])) { message, _ in take(message) }
        }
        if reader.isLost { return close() }
        if let batch, batch.replies.count == batch.commandCount { finish(batch.replies) }
    }

    private func take(_ message: RESPMessage) {
        if ignored > 0 {
            ignored -= 1
        } else {
            batch?.replies.append(message)
        }
    }

    // MARK: Ends

    /// Called after a timeout. Closes the connection if it was never established. Otherwise keeps it for the late
    /// replies.
    private func giveUp() {
        guard isConnected else { return close() }
        if let batch { ignored += batch.commandCount - batch.replies.count }
        finish(nil)
    }

    private func finish(_ result: [RESPMessage]?) {
        guard let batch = batch.take() else { return }
        batch.timer.cancel()
        batch.continuation.resume(returning: result)
    }

    private static func append(_ command: [String], to bytes: inout [UInt8]) {
        bytes += "*\(command.count)\r\n".utf8
        for argument in command {
            bytes += "$\(argument.utf8.count)\r\n".utf8
            bytes += argument.utf8
            bytes += "\r\n".utf8
        }
    }
}
