import EventLoop
import Glibc

/// One of the two sockets of a relayed connection.
final class Endpoint: DescriptorHandler {
    let descriptor: Int32
    private let reactor: Reactor
    private var onEvents: ((UInt32) -> Void)?
    private(set) var isOpen = true
    /// True from the time when the kernel's send buffer was full until the socket is writable again.
    var isBlocked = false

    init(_ descriptor: Int32, on reactor: Reactor, onEvents: @escaping (UInt32) -> Void) {
        self.descriptor = descriptor
        self.reactor = reactor
        self.onEvents = onEvents
    }

    func ready(events: UInt32) { onEvents?(events) }

    /// Sets the events to watch. If there are none, the socket is not watched, because epoll would report a hang-up
    /// again and again.
    func watch(_ events: UInt32) {
        guard isOpen else { return }
        if events == 0 {
            reactor.unwatch(descriptor)
        } else {
            reactor.watch(descriptor, events: events, handler: self)
        }
    }

    enum ReadResult: Equatable {
        case bytes(Int), blocked, finished, failed
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadResult {
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count > 0 { return .bytes(count) }
        if count == 0 { return .finished }
        return Self.isTemporary(errno) ? .blocked : .failed
    }

    /// - Returns: how many bytes the kernel accepted. 0 if its buffer is full; negative if the connection is lost.
    func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        if count >= 0 { return count }
        return Self.isTemporary(errno) ? 0 : -1
    }

    func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    func close(reset: Bool) {
        guard isOpen else { return }
        isOpen = false
        onEvents = nil
        reactor.unwatch(descriptor)
        if reset {
            Sockets.closeWithReset(descriptor)
        } else {
            Glibc.close(descriptor)
        }
    }

    private static func isTemporary(_ error: Int32) -> Bool {
        error == EAGAIN || error == EWOULDBLOCK || error == EINTR
    }
}
