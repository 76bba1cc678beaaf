import EventLoop
import Glibc
import TestSupport

@testable import CapLab

/// A TCP client, or one accepted connection, on the reactor of a test.
final class Peer {
    let descriptor: Int32
    private let reactor: Reactor
    private var received: [UInt8] = []
    private var end: End?
    private var isClosed = false

    enum End: Equatable {
        case finished, reset
    }

    init(_ descriptor: Int32, on reactor: Reactor) {
        self.descriptor = descriptor
        self.reactor = reactor
    }

    convenience init(connectingTo port: UInt16, on reactor: Reactor) throws {
        self.init(try Sockets.connect(port: port), on: reactor)
    }

    deinit { close() }

    func close(reset: Bool = false) {
        guard !isClosed else { return }
        isClosed = true
        if reset { Sockets.closeWithReset(descriptor) } else { Glibc.close(descriptor) }
    }

    func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Sends all bytes, as fast as the other side reads.
    func send(_ text: String) async throws {
        var rest = Array(text.utf8)[...]
        let isSent = await reactor.eventually { [self] in
            rest = rest.dropFirst(sendSome(rest))
            return rest.isEmpty
        }
        guard isSent else { throw TestFailure("the other side does not read") }
    }

    /// - Returns: how many bytes the kernel accepted; 0 if its buffer is full.
    func sendSome(_ bytes: ArraySlice<UInt8>) -> Int {
        max(0, bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) })
    }

    /// Everything received so far.
    var text: String {
        poll()
        return String(decoding: received, as: UTF8.self)
    }

    var receivedBytes: Int {
        poll()
        return received.count
    }

    /// How the stream ended; nil if it has not.
    var ending: End? {
        poll()
        return end
    }

    /// Waits until exactly this text was received; false if it is not within 10 s.
    func expects(_ wanted: String) async -> Bool { await reactor.eventually { [self] in text == wanted } }

    func endsWith(_ wanted: End) async -> Bool { await reactor.eventually { [self] in ending == wanted } }

    private func poll() {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while end == nil, !isClosed {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                received += buffer[..<count]
            } else if count == 0 {
                end = .finished
            } else if errno == EAGAIN || errno == ENOTCONN || errno == EINTR {
                return
            } else {
                end = .reset
            }
        }
    }
}

/// Accepts connections. If `echoes` is true, it sends all bytes back.
final class TestServer: DescriptorHandler {
    let port: UInt16
    private let listener: Int32
    private let reactor: Reactor
    private let echoes: Bool
    private(set) var accepted: [Peer] = []
    private var echoers: [Echoer] = []
    private var isStopped = false

    init(echoes: Bool, on reactor: Reactor) throws {
        self.reactor = reactor
        self.echoes = echoes
        listener = try Sockets.listen(port: 0)
        port = Sockets.localPort(listener)
        reactor.watch(listener, events: EventMask.readable, handler: self)
    }

    func stop() {
        guard !isStopped else { return }
        isStopped = true
        reactor.unwatch(listener)
        close(listener)
        for echoer in echoers { echoer.stop() }
        accepted = []
    }

    func ready(events: UInt32) {
        while case let descriptor = Sockets.accept(listener), descriptor >= 0 {
            if echoes {
                echoers.append(Echoer(descriptor, on: reactor))
            } else {
                accepted.append(Peer(descriptor, on: reactor))
            }
        }
    }

    private final class Echoer: DescriptorHandler {
        private let descriptor: Int32
        private let reactor: Reactor
        private var unsent: [UInt8] = []
        private var isStopped = false

        init(_ descriptor: Int32, on reactor: Reactor) {
            self.descriptor = descriptor
            self.reactor = reactor
            reactor.watch(descriptor, events: EventMask.readable, handler: self)
        }

        func stop() {
            guard !isStopped else { return }
            isStopped = true
            reactor.unwatch(descriptor)
            close(descriptor)
        }

        func ready(events: UInt32) {
            if unsent.isEmpty {
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                let count = recv(descriptor, &buffer, buffer.count, 0)
                if count < 0, errno == EAGAIN { return }
                guard count > 0 else { return stop() }
                unsent = Array(buffer[..<count])
            }
            let count = unsent.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno != EAGAIN { return stop() }
            unsent.removeFirst(max(0, count))
            reactor.watch(
                descriptor, events: unsent.isEmpty ? EventMask.readable : EventMask.writable, handler: self)
        }
    }
}
