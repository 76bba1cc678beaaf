import CLinux
import Glibc
import Synchronization

/// Where the lines of the audit trail go.
public enum AuditDestination: Sendable, Equatable {
    case standardError
    case file(path: String)
}

/// Records who did what, as JSON lines in a stream of their own.
///
/// Any thread may record lines. The trail's own thread writes them, so that a slow disk does not delay requests. Lines
/// that do not fit into the queue are counted as lost. Lines are written in the order in which they were recorded.
public final class AuditTrail: Sendable {
    private struct Queue {
        var lines: [UInt8] = []
        var lineCount = 0
        var isStopping = false
    }

    private let queue = Mutex(Queue())
    private let node: String
    private let pseudonym: (@Sendable ([UInt8]) -> String)?
    private let onWritten: @Sendable (_ lines: Int) -> Void
    private let onLost: @Sendable (_ lines: Int) -> Void
    private let wakeup: Int32
    private let finished = Atomic<Bool>(false)

    /// The most bytes of waiting lines.
    static let maxQueuedBytes = 4 << 20
    public static let maxFileBytes = 10 << 20
    public static let keptFiles = 3

    /// Starts the trail's thread.
    /// - Parameters:
    ///   - node: the name of this instance.
    ///   - pseudonym: returns the text that replaces a client or a key; nil to record them as they are.
    ///   - onWritten: called by the trail's thread, with the number of lines that it has written.
    ///   - onLost: called by any thread, with the number of lines that were lost.
    public init(
        to destination: AuditDestination, node: String, pseudonym: (@Sendable ([UInt8]) -> String)?,
        maxFileBytes: Int = AuditTrail.maxFileBytes,
        onWritten: @escaping @Sendable (_ lines: Int) -> Void, onLost: @escaping @Sendable (_ lines: Int) -> Void
    ) {
        self.node = node
        self.pseudonym = pseudonym
        self.onWritten = onWritten
        self.onLost = onLost
        wakeup = clinux_blocking_eventfd()
        let writer = Unmanaged.passRetained(Writer(self, destination, maxFileBytes: maxFileBytes)).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { writer in
                Unmanaged<Writer>.fromOpaque(writer!).takeRetainedValue().run()
                return nil
            }, writer)
        precondition(wakeup >= 0 && code == 0, "the audit trail gets no descriptor or no thread")
        pthread_detach(thread)
    }

    deinit { close(wakeup) }

    /// Adds a line. Never waits.
    public func record(_ record: AuditRecord) {
        let time = Timestamp(unixMs: LogOutput.wallClockMs()).dateAndTime
        let line = record.line(time: time, node: node, pseudonym: pseudonym)
        let (fits, wasEmpty) = queue.withLock { queue in
            guard queue.lines.count + line.count <= Self.maxQueuedBytes else { return (false, false) }
            let wasEmpty = queue.lines.isEmpty
            queue.lines += line
            queue.lineCount += 1
            return (true, wasEmpty)
        }
        if !fits { onLost(1) }
        if wasEmpty { wake() }
    }

    /// Makes the thread write all recorded lines and end. Waits for the end of the thread for at most `timeoutMs`.
    public func stop(timeoutMs: Int = 1_000) {
        queue.withLock { $0.isStopping = true }
        wake()
        for _ in 0..<timeoutMs where !finished.load(ordering: .acquiring) { usleep(1_000) }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeup, &one, MemoryLayout<UInt64>.size)
    }

    /// The work of the trail's thread.
    private final class Writer {
        private let trail: AuditTrail
        private var file: RotatingFile?

        init(_ trail: AuditTrail, _ destination: AuditDestination, maxFileBytes: Int) {
            self.trail = trail
            guard case .file(let path) = destination else { return }
            file = RotatingFile(path: path, maxBytes: maxFileBytes, keptFiles: AuditTrail.keptFiles)
        }

        func run() {
            while true {
                var count: UInt64 = 0
                _ = read(trail.wakeup, &count, MemoryLayout<UInt64>.size)
                let taken = trail.queue.withLock { queue in
                    defer { queue = Queue(isStopping: queue.isStopping) }
                    return queue
                }
                if !taken.lines.isEmpty { write(taken) }
                if taken.isStopping {
                    file?.close()
                    trail.finished.store(true, ordering: .releasing)
                    return
                }
            }
        }

        private func write(_ taken: Queue) {
            guard file == nil else {
                let isWritten = file!.append(taken.lines)
                return isWritten ? trail.onWritten(taken.lineCount) : trail.onLost(taken.lineCount)
            }
            for line in taken.lines.split(separator: UInt8(ascii: "\n")) {
                let isWritten = DescriptorSink.standardError.write(Array(line) + [UInt8(ascii: "\n")])
                isWritten ? trail.onWritten(1) : trail.onLost(1)
            }
        }
    }
}
