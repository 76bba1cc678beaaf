import CMicroHTTPD
import EventLoop
import Glibc

/// Reads and drops what a client still sends after its connection was answered early, for example with a 413.
///
/// Closing a socket with unread data makes the kernel send a reset, which can destroy the response before the client
/// has read it (RFC 9112, section 9.6). Both the bytes and the time are limited.
final class LingeringClose: DescriptorHandler, Expirable {
    static let maxBytes = 16 << 20
    static let maxNs: UInt64 = 2_000 * nsPerMs
    private static let chunkBytes = 65_536
    private static let maxReadsATurn = 8

    private let reactor: Reactor
    private let descriptor: Int32
    private let ended: () -> Void
    private var leftBytes = maxBytes
    private(set) var isSettled = false

    /// - Parameter descriptor: this object closes it.
    init(reactor: Reactor, descriptor: Int32, ended: @escaping () -> Void) {
        self.reactor = reactor
        self.descriptor = descriptor
        self.ended = ended
        reactor.watch(descriptor, events: EPOLLIN.rawValue, handler: self)
        reactor.schedule(self, atNs: reactor.nowNs + Self.maxNs)
    }

    func ready(events: UInt32) {
        for _ in 0..<Self.maxReadsATurn {
            let count = withUnsafeTemporaryAllocation(byteCount: Self.chunkBytes, alignment: 1) { scratch in
                recv(descriptor, scratch.baseAddress, scratch.count, Int32(MSG_DONTWAIT))
            }
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count > 0, leftBytes > count else { return end() }
            leftBytes -= count
        }
    }

    func expire() { end() }

    private func end() {
        guard !isSettled else { return }
        isSettled = true
        reactor.unwatch(descriptor)
        close(descriptor)
        ended()
    }
}
