import DequeModule
import Replication

/// The commands that a connection has sent and that have no reply yet. They are in the order of sending, which is also
/// the order of the replies.
///
/// Only the oldest command shows whether the replica works, because the others wait behind it. ``progressNs`` is when
/// that command last made progress.
struct UnansweredCommands {
    struct Command {
        let recipient: Recipient
        let sentNs: UInt64
        let byteCount: Int
    }

    /// The receiver of the reply to a command.
    enum Recipient {
        case sink(any ReplySink)
        /// The reply is kept until the reply to the next identity check on this connection arrives.
        case identityCheckedSink(any ReplySink)
        /// The reply is an array with one element per sink, or one error for all.
        case steps([any ReplySink])
        case identityCheck
        case link((Reply?) -> Void)

        /// True for a read, whose reply may be dropped.
        var isRead: Bool { if case .identityCheckedSink = self { true } else { false } }

        /// The longest valid reply, in bytes. Without this limit a hostile or faulty server could fill the memory.
        func maxReplyBytes(maxValueBytes: Int) -> Int {
            switch self {
            case .link, .identityCheck: Self.maxShortReplyBytes
            case .sink, .identityCheckedSink: Self.maxReplyBytes(values: 8, maxValueBytes)
            case .steps(let sinks): Self.maxReplyBytes(values: 8 + sinks.count, maxValueBytes)
            }
        }

        static let maxShortReplyBytes = 64 << 10

        /// The result allows for conflicts, lists of keys, and values that were stored under a larger
        /// `MAX_VALUE_BYTES`.
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
    /// The number of steps in the batches among the commands.
    private(set) var stepCount = 0
    /// When the oldest command last made progress: the kernel accepted bytes of it, the previous reply was completed,
    /// or a part of its reply arrived. Bytes of later commands do not count, because the socket of a stopped process
    /// accepts commands too.
    private(set) var progressNs: UInt64 = 0
    /// The bytes of the oldest command that the kernel has not accepted yet.
    private var unsentOfOldest = 0
    /// How many bytes of the incomplete reply had arrived at ``progressNs``.
    private var replyByteCount = 0

    /// How many further bytes of a reply count as progress. A replica that sends single bytes makes hardly any
    /// progress.
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

    /// `replyBytes` bytes of the incomplete reply to the oldest command have arrived.
    mutating func didReceive(replyBytes: Int, atNs nowNs: UInt64) {
        guard replyBytes - replyByteCount >= Self.replyPartBytes else { return }
        replyByteCount = replyBytes
        progressNs = max(progressNs, nowNs)
    }
}
