import Glibc
import Synchronization

/// Writes lines to a descriptor, normally each with one write(2), and never waits long for a reader.
///
/// Standard error is shared with other processes and must stay in blocking mode, so each write is preceded by poll(2).
/// Linux reports a pipe or socket as writable only if a line of ``LogLimits/maxLineBytes`` fits. A reader that does not
/// keep up costs one wait of ``maxWaitMs``; after that, lines are dropped at once until one fits.
final class DescriptorSink: Sendable {
    private let descriptor: Int32
    /// True while the reader is too slow. The lock is held from poll to write, so that no other thread fills the space
    /// in between.
    private let isStalled = Mutex(false)

    /// The longest wait for a reader, in milliseconds.
    static let maxWaitMs: Int32 = 5

    /// The only sink for standard error. With two sinks, both could find space for one line, and one write would then
    /// block.
    static let standardError = DescriptorSink(descriptor: STDERR_FILENO)

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Writes one line with its line feed.
    /// - Returns: false if it was dropped because the reader is too slow.
    func write(_ line: [UInt8]) -> Bool {
        isStalled.withLock { isStalled in
            guard hasRoom(waitMs: isStalled ? 0 : Self.maxWaitMs) else {
                isStalled = true
                return false
            }
            isStalled = false
            return line.withUnsafeBytes { writeAll($0) }
        }
    }

    /// True if a line can be written. A bad descriptor or a closed reader also counts: the write then fails with an
    /// error.
    private func hasRoom(waitMs: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        for _ in 0..<4 {
            let ready = poll(&watched, 1, waitMs)
            if ready >= 0 || errno != EINTR { return ready != 0 }
        }
        return false
    }

    /// Writes all bytes. One write suffices, except for a full disk, a signal, or a non-blocking terminal.
    private func writeAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes[...]
        // Bound the number of attempts. Each attempt writes something, is interrupted, or waits for space.
        for _ in 0..<16 where !rest.isEmpty {
            let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN {
                guard hasRoom(waitMs: Self.maxWaitMs) else { return false }
            } else if errno != EINTR {
                return false
            }
        }
        return rest.isEmpty
    }
}
