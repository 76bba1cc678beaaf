import DequeModule
import Replication

/// The commands that a connection has sent and that have no reply yet, in the order of sending, which is the order of
/// the replies.
///
/// Only the oldest one says something about the replica: the others wait for it, however long our own queue is. It is
/// judged by ``progressNs``.
struct UnansweredCommands {
    struct Command {
        let recipient: Recipient
        let sentNs: UInt64
        let byteCount: Int
    }

    /// Receives the reply to a command.
    enum Recipient {
        case sink(any ReplySink)
        /// The reply is kept until the reply to the next identity check on this connection arrives.
        case identityCheckedSink(any ReplySink)
        /// The reply is an array with one element per sink, or one error for all.
        case steps([any ReplySink])
        case identityCheck
        case link((Reply?) -> Void)

        /// A read, whose reply may be dropped.
        var isRead: Bool { if case .identityCheckedSink = self { true } else { false } }

        /// The longest reply that a replica of this program gives, in bytes. A hostile or confused server could
        /// otherwise fill the memory.
        func maxReplyBytes(maxValueBytes: Int) -> Int {
            switch self {
            case .link, .identityCheck: Self.maxShortReplyBytes
            case .sink, .identityCheckedSink: Self.maxReplyBytes(values: 8, maxValueBytes)
            case .steps(let sinks): Self.maxReplyBytes(values: 8 + sinks.count, maxValueBytes)
            }
        }

        static let maxShortReplyBytes = 64 << 10

        /// Conflicts, lists of keys and older values of a larger `MAX_VALUE_BYTES` are covered too.
        private static func maxReplyBytes(values: Int, _ maxValueBytes: Int) -> Int {
            24 << 20 + values * (maxValueBytes + maxShortReplyBytes)
        }

        func hold(_ reservation: ReplyReservation) {
            switch self {
            case .sink(let sink), .identityCheckedSink(let sink): sink.hold(reservation)
            case .steps(let sinks): for sink in sinks { sink.hold(reservation) }
            case .identityCheck, .link: break
            }
        }
    }

    private var commands = Deque<Command>()
    private(set) var byteCount = 0
    /// Steps of the batches among the commands.
    private(set) var stepCount = 0
    /// When the replica last did something for the oldest command: the kernel accepted a byte of it, its predecessor's
    /// reply was complete, or a part of its reply arrived. Later bytes that the kernel accepts do not count: the socket
    /// of a stopped process accepts commands too.
    private(set) var progressNs: UInt64 = 0
    /// Bytes of the oldest command that the kernel has not accepted.
    private var unsentOfOldest = 0
    /// Bytes of the incomplete reply at ``progressNs``.
    private var replyByteCount = 0

    /// So many bytes of a reply are progress: a replica that sends single bytes makes none.
    static let replyPartBytes = 4_096

    var count: Int { commands.count }
    var oldest: Recipient? { commands.first?.recipient }

    mutating func append(_ command: Command) {
        if commands.isEmpty {
            progressNs = max(progressNs, command.sentNs)
            unsentOfOldest = command.byteCount
        }
        commands.append(command)
        byteCount += command.byteCount
        if case .steps(let sinks) = command.recipient { stepCount += sinks.count }
    }

    mutating func popFirst(atNs nowNs: UInt64 = 0) -> Command? {
        guard let command = commands.popFirst() else { return nil }
        progressNs = max(progressNs, nowNs)
        unsentOfOldest = commands.first?.byteCount ?? 0
        replyByteCount = 0
        byteCount -= command.byteCount
        if case .steps(let sinks) = command.recipient { stepCount -= sinks.count }
        return command
    }

    /// The kernel has accepted all but the last `unsent` bytes of all commands.
    mutating func didWrite(unsent: Int, atNs nowNs: UInt64) {
        guard let oldest = commands.first, unsentOfOldest > 0 else { return }
        let left = max(0, unsent - (byteCount - oldest.byteCount))
        guard left < unsentOfOldest else { return }
        unsentOfOldest = left
        progressNs = max(progressNs, nowNs)
    }

    /// So many bytes of the incomplete reply to the oldest command have arrived.
    mutating func didReceive(replyBytes: Int, atNs nowNs: UInt64) {
        guard replyBytes - replyByteCount >= Self.replyPartBytes else { return }
        replyByteCount = replyBytes
        progressNs = max(progressNs, nowNs)
    }
}
