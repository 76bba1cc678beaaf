import Replication

/// A ballot number: totally ordered, and never used for two states (rule C1).
///
/// The counter is compared first, so that a proposer passes any other by raising its counter. The proposer is 64 random
/// bits, drawn at each start: it tells apart equal counters of two proposers, and of one proposer before and after a
/// restart.
struct Ballot: Hashable, Comparable, Sendable {
    /// Below 2^53, the largest integer that Lua's numbers hold exactly.
    let counter: UInt64
    let proposer: UInt64

    /// Below every ballot that a proposer uses.
    static let zero = Ballot(counter: 0, proposer: 0)

    static func < (left: Ballot, right: Ballot) -> Bool {
        (left.counter, left.proposer) < (right.counter, right.proposer)
    }

    /// The same proposer's next ballot.
    var next: Ballot { Ballot(counter: counter + 1, proposer: proposer) }

    /// `<counter>:<16 hexadecimal digits>`, as stored in Redis.
    var text: Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(34)
        bytes.append(decimal: counter)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(hexadecimal: proposer)
        return bytes
    }

    init(counter: UInt64, proposer: UInt64) {
        precondition(counter < 1 << 53, "a ballot counter has at most 53 bits")
        self.counter = counter
        self.proposer = proposer
    }

    /// Nil for anything but a ``text``.
    init?(text: Bytes) {
        guard text.count > 17, text[text.count - 17] == UInt8(ascii: ":"),
            let counter = Int64(decimal: text[..<(text.count - 17)]), counter >= 0, counter < 1 << 52,
            let proposer = UInt64(hexadecimal: text.suffix(16))
        else { return nil }
        self.counter = UInt64(counter)
        self.proposer = proposer
    }
}
