import Replication

/// Alters the replies of replicas by an input. After its last byte, all replies are honest.
final class HostileReplies {
    private var input: FuzzInput

    init(_ input: FuzzInput) { self.input = input }

    func alter(_ reply: Reply) -> Reply {
        guard !input.isEmpty else { return reply }
        switch input.below(8) {
        case 0: return ReplyMaker.reply(&input, depth: 3)
        case 1, 2: return altered(reply)
        default: return reply
        }
    }

    /// The reply with another value at one place.
    private func altered(_ reply: Reply) -> Reply {
        guard case .array(var elements) = reply, !elements.isEmpty, input.below(8) > 0 else {
            return ReplyMaker.reply(&input, depth: 1)
        }
        let index = input.below(elements.count)
        switch input.below(8) {
        case 0: elements.remove(at: index)
        case 1: elements.insert(elements[index], at: index)
        default: elements[index] = altered(elements[index])
        }
        return .array(elements)
    }
}
