import Replication

/// A ballot number: totally ordered, and never used for two values.
///
/// The counter comes first, so that a proposer passes any other by counting up; the proposer, 64 random bits drawn at each
/// start, tells apart equal counters of two proposers and of one before and after a restart (rule C1).
struct Ballot: Hashable, Comparable, Sendable {
    /// Below 2^53, the largest integer that Lua's numbers hold exactly.
    let counter: UInt64
    let proposer: UInt64

    static let zero = Ballot(counter: 0, proposer: 0)

    static func < (left: Ballot, right: Ballot) -> Bool {
        (left.counter, left.proposer) < (right.counter, right.proposer)
    }

    /// The same proposer's next ballot.
    var next: Ballot { Ballot(counter: counter + 1, proposer: proposer) }

    /// `<counter>:<16 hexadecimal digits>`, as it stands in Redis.
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

    /// Nil for anything but what ``text`` gives.
    init?(text: Bytes) {
        guard text.count > 17, text[text.count - 17] == UInt8(ascii: ":"),
            let counter = Int64(decimal: text[..<(text.count - 17)]), counter >= 0, counter < 1 << 52,
            let proposer = UInt64(hexadecimal: text.suffix(16))
        else { return nil }
        self.counter = UInt64(counter)
        self.proposer = proposer
    }
}

extension Bytes {
    /// Appends a number in decimal digits.
    mutating func append(decimal value: UInt64) {
        let start = count
        var rest = value
        repeat {
            append(48 + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }

    /// A number in decimal digits.
    init(decimal value: UInt64) {
        self = []
        append(decimal: value)
    }

    /// Appends 16 lower-case hexadecimal digits.
    mutating func append(hexadecimal value: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
            append(digit < 10 ? 48 + digit : 87 + digit)
        }
    }
}

extension UInt64 {
    /// Exactly 16 lower-case hexadecimal digits.
    init?(hexadecimal digits: some Collection<UInt8>) {
        guard digits.count == 16 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 48...57: value = value << 4 | UInt64(digit - 48)
            case 97...102: value = value << 4 | UInt64(digit - 87)
            default: return nil
            }
        }
        self = value
    }
}
