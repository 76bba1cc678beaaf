/// A replica's reply, interpreted for the page.
struct TappedReply: Equatable {
    enum Result: String {
        case ok, rejected, error
    }

    private static let rejections: Set = [
        "REJECTED", "STALE", "NOTMEMBER", "LATE", "FOREIGN", "OLD", "TOOMANY", "NOTBLANK",
    ]

    var result = Result.ok
    /// The value that was read or stored, if it is a short text.
    var value: String?

    init(_ result: Result, value: String? = nil) {
        self.result = result
        self.value = value
    }

    init(_ message: RESPMessage, to command: TappedCommand) {
        guard let whole = message.elements.first else { return }
        guard whole.kind != .error else {
            result = .error
            return
        }
        // In the reply to a batch, take the element of the command's key. Otherwise take the whole reply.
        guard let own = command.isBatch ? message.child(command.position, of: 0) : 0 else { return }
        if message.elements[own].kind == .error {
            result = .error
        } else if let status = message.text(message.child(0, of: own) ?? own), Self.rejections.contains(status) {
            result = .rejected
        }
        guard result == .ok else { return }
        switch command.kind {
        case "prepare":
            // A promise contains {ballot, version, value, deleted, …}.
            guard let deleted = message.child(3, of: own), message.text(deleted) == "0" else { return }
            value = message.child(2, of: own).flatMap { CommandInterpreter.value(message, $0) }
        case "read": value = Self.recordValue(message)
        default: value = command.value
        }
    }

    /// The value in a record that a command read without a script. `HMGET` of a CP record returns ballot, version,
    /// value and deleted. `HGETALL` of an AP record returns names and siblings.
    private static func recordValue(_ message: RESPMessage) -> String? {
        guard let deleted = message.child(3, of: 0) else { return nil }
        if message.text(deleted) == "0" {
            return message.child(2, of: 0).flatMap { CommandInterpreter.value(message, $0) }
        }
        for index in stride(from: 1, to: message.elements.count - 1, by: 2) where message.bytes(index).count > 2 {
            if let value = CommandInterpreter.sibling(message, index + 1) { return value }
        }
        return nil
    }
}
