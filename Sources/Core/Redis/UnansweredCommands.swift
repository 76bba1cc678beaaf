import DequeModule
import Replication

/// The commands that a connection has sent and that have no reply yet, in the order of sending, which is the order of the
/// replies.
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

    var count: Int { commands.count }
    var oldestSentNs: UInt64? { commands.first?.sentNs }

    mutating func append(_ command: Command) {
        commands.append(command)
        byteCount += command.byteCount
        if case .steps(let sinks) = command.recipient { stepCount += sinks.count }
    }

    mutating func popFirst() -> Command? {
        guard let command = commands.popFirst() else { return nil }
        byteCount -= command.byteCount
        if case .steps(let sinks) = command.recipient { stepCount -= sinks.count }
        return command
    }

    /// The number of commands sent after one time and not after another. Looks only at the front, because the commands are
    /// in the order of sending.
    func countSent(afterNs: UInt64, upToNs: UInt64) -> Int {
        var count = 0
        for command in commands {
            if command.sentNs > upToNs { break }
            if command.sentNs > afterNs { count += 1 }
        }
        return count
    }
}
