import CMicroHTTPD
import EventLoop
import Glibc

/// Reads and drops what a client still sends after its connection was answered early, for example with a 413.
///
/// Closing a socket with unread data makes the kernel send a reset, which can destroy the response before the client
/// has read it (RFC 9112, section 9.6). Both the bytes and the time are limited.
final class LingeringClose: DescriptorHandler, Expirable {
    private static let maxBytes = 16 << 20
    private static let maxNs: UInt64 = 2_000 * nsPerMs
    private static let chunkBytes = 65_536
    private static let maxReadsATurn = 8

    private let reactor: Reactor
    private let descriptor: Int32
    private let ended: () -> Void
    private var leftBytes = maxBytes
    private(set) var isSettled = false

    /// Duplicates `descriptor`, so that the connection stays open after the caller has closed it.
    ///
    /// - Returns: false if no descriptor is left; `ended` is then not called.
    static func begin(_ descriptor: Int32, on reactor: Reactor, ended: @escaping () -> Void) -> Bool {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return false }
        shutdown(copy, Int32(SHUT_WR))
        let close = LingeringClose(reactor: reactor, descriptor: copy, ended: ended)
        reactor.watch(copy, events: EPOLLIN.rawValue, handler: close)
        reactor.schedule(close, atNs: reactor.nowNs + maxNs)
        return true
    }

    private init(reactor: Reactor, descriptor: Int32, ended: @escaping () -> Void) {
        self.reactor = reactor
        self.descriptor = descriptor
        self.ended = ended
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
