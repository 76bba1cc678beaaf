import Replication

/// A ballot number: totally ordered, and never used for two states (rule C1).
///
/// Ballots compare by counter first, so a proposer exceeds any other ballot by raising its counter. The second part is
/// a random 64-bit number that each proposer draws at its start. It distinguishes equal counters of two proposers, and
/// of one proposer before and after a restart.
struct Ballot: Hashable, Comparable, Sendable {
    let counter: UInt64
    let proposer: UInt64

    /// Counters stay below 2^53, because Lua's numbers are exact only for integers up to that limit.
    private static let counterLimit: UInt64 = 1 << 53
    /// If a replica reports a counter of this value or more, its record counts as malformed. The distance to
    /// ``counterLimit`` is more than proposers can use, so a ballot above a reported one always exists.
    private static let reportedCounterLimit = counterLimit / 2

    /// Lower than every ballot that a proposer uses.
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
        precondition(counter < Self.counterLimit, "a ballot counter has at most 53 bits")
        self.counter = counter
        self.proposer = proposer
    }

    /// Parses a ``text``; nil if it is malformed.
    init?(text: Bytes) {
        guard text.count > 17, text[text.count - 17] == UInt8(ascii: ":"),
            let number = Int64(decimal: text[..<(text.count - 17)]), let counter = UInt64(exactly: number),
            counter < Self.reportedCounterLimit, let proposer = UInt64(hexadecimal: text.suffix(16))
        else { return nil }
        self.init(counter: counter, proposer: proposer)
    }
}
