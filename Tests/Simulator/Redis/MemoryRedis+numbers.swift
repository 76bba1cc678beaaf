import Glibc
import Replication

extension MemoryRedis {
    /// Why a command fails.
    enum CommandError: Error {
        case wrongType
        case notANumber
        case hashNotANumber
        case syntax
        case overflow
        case notAFloat
        case notARange
        case badExpiry
        case badCursor

        /// The text of the error reply.
        func text(command: String) -> String {
            switch self {
            case .wrongType: "WRONGTYPE Operation against a key holding the wrong kind of value"
            case .notANumber: "ERR value is not an integer or out of range"
            case .hashNotANumber: "ERR hash value is not an integer"
            case .syntax: "ERR syntax error"
            case .overflow: "ERR increment or decrement would overflow"
            case .notAFloat: "ERR value is not a valid float"
            case .notARange: "ERR min or max is not a float"
            case .badExpiry: "ERR invalid expire time in '\(command.lowercased())' command"
            case .badCursor: "ERR invalid cursor"
            }
        }
    }

    private static let least = Bytes(String(Int64.min).utf8)

    /// A signed 64-bit integer in the only form that Redis accepts (`string2ll`): no plus sign, no leading zero, and
    /// no `-0`.
    static func integer(_ argument: Bytes) -> Int64? {
        let first = argument.first == UInt8(ascii: "-") ? argument.dropFirst().first : argument.first
        guard first != UInt8(ascii: "0") || argument.count == 1 else { return nil }
        return Int64(decimal: argument) ?? (argument == least ? .min : nil)
    }

    static func number(_ argument: Bytes) throws(CommandError) -> Int64 {
        guard let number = integer(argument) else { throw .notANumber }
        return number
    }

    static func sum(_ left: Int64, _ right: Int64) throws(CommandError) -> Int64 {
        let (sum, isOverflow) = left.addingReportingOverflow(right)
        guard !isOverflow else { throw .overflow }
        return sum
    }

    /// A cursor of `SCAN`: unsigned 64-bit, by `strtoul` as in Redis 7.0. So a sign is allowed, and -1 is the greatest
    /// cursor.
    static func cursor(_ argument: Bytes) throws(CommandError) -> UInt64 {
        let (cursor, length, isInRange) = parse(argument) { UInt64(strtoul($0, $1, 10)) }
        guard let length, isInRange, !isSpace(argument.first) else { throw .badCursor }
        // The argument ends at a zero byte for `strtoul`.
        guard length == argument.count || argument[length] == 0 else { throw .badCursor }
        return cursor
    }

    /// A score, by `strtod` as in Redis.
    static func score(_ argument: Bytes) throws(CommandError) -> Double {
        let (score, length, isInRange) = parse(argument) { strtod($0, $1) }
        guard !argument.isEmpty, length == argument.count, !isSpace(argument.first), !score.isNaN,
            isInRange || !(score.isInfinite || score.isZero)
        else { throw .notAFloat }
        // A small sorted set stores whole numbers as such, so that -0 becomes 0.
        return score == 0 ? 0 : score
    }

    /// One end of a range of scores: a number, which may be infinite, or exclusive with `(` before it.
    static func bound(_ argument: Bytes) throws(CommandError) -> (score: Double, isExclusive: Bool) {
        let isExclusive = argument.first == UInt8(ascii: "(")
        let text = isExclusive ? Bytes(argument.dropFirst()) : argument
        let (score, length, _) = parse(text) { strtod($0, $1) }
        guard let length, length == text.count || text[length] == 0, !score.isNaN else { throw .notARange }
        return (score, isExclusive)
    }

    private static func isSpace(_ byte: UInt8?) -> Bool { byte.map { isspace(Int32($0)) != 0 } ?? false }

    /// Runs a parser of the C library.
    /// - Returns: the number, how many bytes it takes, and false if it is out of range.
    private static func parse<Number>(
        _ text: Bytes, by parser: (UnsafePointer<CChar>, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Number
    ) -> (number: Number, length: Int?, isInRange: Bool) {
        (text + [0]).withUnsafeBytes { bytes in
            let start = bytes.assumingMemoryBound(to: CChar.self).baseAddress!
            var end: UnsafeMutablePointer<CChar>?
            errno = 0
            let number = parser(start, &end)
            return (number, end.map { UnsafePointer($0) - start }, errno != ERANGE)
        }
    }
}

extension Bytes {
    /// A double as text, as Redis passes the number of a script to a command, and returns a score: `%.17g`.
    init(number: Double) {
        if number == number.rounded(), abs(number) < 1e17, number != 0 || number.sign == .plus {
            self = Bytes(String(Int64(number)).utf8)
            return
        }
        self.init(repeating: 0, count: 32)
        let length = withVaList([number]) { arguments in
            withUnsafeMutableBytes { bytes in
                vsnprintf(bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count, "%.17g", arguments)
            }
        }
        removeLast(count - Int(length))
    }
}
