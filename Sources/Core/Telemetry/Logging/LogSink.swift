import Glibc
import Synchronization

/// Where lines go.
public protocol LogSink: Sendable {
    /// Writes one line, its line feed included. False where it was not taken (the reader is too slow).
    func write(_ line: [UInt8]) -> Bool
}

/// Lines to a descriptor, each by one write(2), without ever waiting long for a reader.
///
/// Standard error is shared with other processes and so stays in blocking mode; therefore it is asked for room before
/// each write. Linux reports a pipe or socket writable only where a line of ``LogLimits/maxLineBytes`` fits. A reader
/// that does not keep up costs one wait of ``maxWaitMs``; from then on lines are given up at once until there is room.
public final class DescriptorSink: LogSink {
    private let descriptor: Int32
    /// True while the reader is known not to read. Holding the lock from asking for room to writing keeps another
    /// thread's line from taking that room.
    private let isStalled = Mutex(false)

    /// The longest wait for a reader, in milliseconds.
    public static let maxWaitMs: Int32 = 5

    public init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    public static let standardError = DescriptorSink(descriptor: STDERR_FILENO)

    /// Whether the descriptor is a terminal.
    public var isTerminal: Bool { isatty(descriptor) == 1 }

    public func write(_ line: [UInt8]) -> Bool {
        isStalled.withLock { isStalled in
            guard hasRoom(waitMs: isStalled ? 0 : Self.maxWaitMs) else {
                isStalled = true
                return false
            }
            isStalled = false
            return line.withUnsafeBytes { writeAll($0) }
        }
    }

    /// A bad descriptor or a reader that is gone also counts as room: the write then tells.
    private func hasRoom(waitMs: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        for _ in 0..<4 {
            let ready = poll(&watched, 1, waitMs)
            if ready >= 0 || errno != EINTR { return ready != 0 }
        }
        return false
    }

    /// One write takes the line whole, but for a full disk, a signal, or a non-blocking terminal.
    private func writeAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes[...]
        // Each round writes something or is one of few interruptions.
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
