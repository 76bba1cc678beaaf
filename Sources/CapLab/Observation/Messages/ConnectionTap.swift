import DequeModule
import EventLoop

/// Reads the messages of one relayed connection. It never changes what the relay forwards.
///
/// A replica answers commands in their order, so the tap can assign each reply to its command. If the connection
/// already carries traffic when the tap begins, the tap first waits until no command is unanswered. If it cannot follow
/// the stream, it waits again, and stops after ``maxLosses`` times.
final class ConnectionTap {
    /// A command that was sent. It is kept until its reply was forwarded.
    final class Call {
        let id: Int
        let command: TappedCommand
        /// True if an event shows the command. Only then may an event show its reply.
        var isShown = false

        init(id: Int, command: TappedCommand) {
            self.id = id
            self.command = command
        }
    }

    /// A message that the relay has read and not yet forwarded.
    private struct Pending {
        /// The end of this message, as a byte offset in the stream of its direction.
        let endOffset: Int
        let message: TappedMessage
    }

    private struct Stream {
        var reader = RESPReader()
        var readBytes = 0
        var forwardedBytes = 0
        var pending: Deque<Pending> = []
    }

    private enum Phase {
        /// Waits until no command is unanswered: until a command comes at least ``quietNs`` after the last reply.
        /// `repliedNs` is the time of that reply; nil if a command may have been sent after it.
        case waiting(repliedNs: UInt64?)
        case following
        case stopped
    }

    private static let quietNs = nsPerMs / 2
    private static let maxUnanswered = 4_096
    private static let maxPending = 1_024
    private static let maxLosses = 5

    private let link: Link
    private let tap: MessageTap
    private var phase: Phase
    private var losses = 0
    private var toReplica = Stream()
    private var toService = Stream()
    private var unanswered: Deque<Call> = []
    /// Set if a stream can no longer be followed. The streams are replaced later, by ``restartIfLost()``, because one
    /// of them is being changed at that time.
    private var mustRestart = false

    /// - Parameter isFresh: true if no byte of the connection has been read yet.
    init(_ link: Link, tap: MessageTap, isFresh: Bool) {
        self.link = link
        self.tap = tap
        phase = isFresh ? .following : .waiting(repliedNs: nil)
    }

    // MARK: Called by the relay

    /// Called when the relay has read bytes and has not yet forwarded any of them.
    /// - Parameters:
    ///   - isClear: true if the relay holds no earlier bytes of this direction.
    ///   - isHeld: true if a fault keeps the bytes from being forwarded.
    func read(_ bytes: UnsafeRawBufferPointer, _ direction: Directions, isClear: Bool, isHeld: Bool, nowNs: UInt64) {
        switch phase {
        case .stopped: return
        case .waiting(let repliedNs):
            guard direction == .toReplica else {
                phase = .waiting(repliedNs: isClear ? nowNs : nil)
                return
            }
            guard let repliedNs, nowNs >= repliedNs + Self.quietNs, isClear, bytes.first == UInt8(ascii: "*") else {
                phase = .waiting(repliedNs: nil)
                return
            }
            phase = .following
        case .following: break
        }
        if direction == .toReplica {
            follow(bytes, &toReplica) { commandCame($0) }
        } else {
            follow(bytes, &toService) { replyCame($0) }
        }
        restartIfLost()
        if isHeld { held(direction) }
    }

    /// Called when the kernel has accepted `count` bytes in this direction.
    func forwarded(_ count: Int, _ direction: Directions) {
        guard case .following = phase else { return }
        if direction == .toReplica {
            release(count, &toReplica)
        } else {
            release(count, &toService)
        }
    }

    /// Called when a fault holds bytes that were read in this direction.
    func held(_ direction: Directions) {
        if direction == .toReplica { markHeld(&toReplica) } else { markHeld(&toService) }
    }

    // MARK: Streams

    private func follow(
        _ bytes: UnsafeRawBufferPointer, _ stream: inout Stream, _ interpret: (RESPMessage) -> TappedMessage?
    ) {
        let start = stream.readBytes
        stream.readBytes += bytes.count
        var pending: [Pending] = []
        var isLost = false
        stream.reader.read(bytes) { message, end in
            guard !isLost else { return }
            if let tapped = interpret(message) {
                pending.append(Pending(endOffset: start + end, message: tapped))
            } else {
                isLost = true
            }
        }
        stream.pending.append(contentsOf: pending)
        isLost = isLost || stream.reader.isLost
        if isLost || stream.pending.count > Self.maxPending || unanswered.count > Self.maxUnanswered {
            mustRestart = true
        }
    }

    private func release(_ count: Int, _ stream: inout Stream) {
        stream.forwardedBytes += count
        while let first = stream.pending.first, first.endOffset <= stream.forwardedBytes {
            stream.pending.removeFirst()
            tap.add(first.message, on: link, isHeld: false)
        }
    }

    private func markHeld(_ stream: inout Stream) {
        for pending in stream.pending where !pending.message.isMarkedHeld {
            pending.message.isMarkedHeld = true
            tap.add(pending.message, on: link, isHeld: true)
        }
    }

    private func restartIfLost() {
        guard mustRestart else { return }
        mustRestart = false
        losses += 1
        phase = losses < Self.maxLosses ? .waiting(repliedNs: nil) : .stopped
        toReplica = Stream()
        toService = Stream()
        unanswered = []
    }

    // MARK: Messages

    private func commandCame(_ message: RESPMessage) -> TappedMessage? {
        guard let command = tap.interpret(message) else { return nil }
        if let proposer = command.proposer { tap.note(proposer: proposer, of: link.service) }
        let call = Call(id: tap.nextCall(), command: command)
        unanswered.append(call)
        return TappedMessage(call: call, reply: nil, byteCount: message.byteCount)
    }

    private func replyCame(_ message: RESPMessage) -> TappedMessage? {
        guard let call = unanswered.popFirst() else { return nil }
        return TappedMessage(call: call, reply: TappedReply(message, to: call.command), byteCount: message.byteCount)
    }
}

/// A command or a reply that passes a relay.
final class TappedMessage {
    let call: ConnectionTap.Call
    /// The reply; nil if this message is the command itself.
    let reply: TappedReply?
    let byteCount: Int
    /// True if the message was reported to ``MessageTap`` as held.
    var isMarkedHeld = false

    init(call: ConnectionTap.Call, reply: TappedReply?, byteCount: Int) {
        self.call = call
        self.reply = reply
        self.byteCount = byteCount
    }
}
