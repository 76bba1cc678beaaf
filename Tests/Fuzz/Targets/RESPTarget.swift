import CHiredis
import Replication

@testable import Redis

/// Bytes of a hostile server. The replies do not depend on the parts in which they arrive, and need memory in
/// proportion to what arrived. A reply that was encoded is read back.
struct RESPTarget: FuzzTarget {
    private struct Outcome: Equatable {
        var replies: [Reply] = []
        var isError = false
    }

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        var random = RandomParts(seed: input.byte())
        if input.bool() {
            var encoded: [UInt8] = []
            var replies: [Reply] = []
            while !input.isEmpty {
                let reply = ReplyMaker.reply(&input, depth: 3)
                replies.append(reply)
                Self.encode(reply, onto: &encoded)
            }
            let found = try Self.read(random.parts(of: encoded))
            try require(found == Outcome(replies: replies), "\(quoted(encoded)) is \(found)")
        } else {
            let bytes = input.remainder()
            let whole = try Self.read([bytes[...]])
            let parts = try Self.read(random.parts(of: bytes))
            try require(whole == parts, "\(quoted(bytes)) is \(whole), and in parts \(parts)")
        }
    }

    private static func read(_ parts: [ArraySlice<UInt8>]) throws(Finding) -> Outcome {
        let builder = ReplyBuilder()
        guard let reader = redisReaderCreate() else { throw Finding("no memory") }
        defer { redisReaderFree(reader) }
        builder.attach(to: reader)
        var outcome = Outcome()
        var received = 0
        for part in parts where !part.isEmpty {
            received += part.count
            let text = part.map { CChar(bitPattern: $0) }
            outcome.isError = redisReaderFeed(reader, text, text.count) != REDIS_OK
            var object: UnsafeMutableRawPointer?
            while !outcome.isError {
                object = nil
                outcome.isError = redisReaderGetReply(reader, &object) != REDIS_OK
                guard !outcome.isError, object != nil else { break }
                outcome.replies.append(builder.take().reply)
            }
            if outcome.isError { break }
            try require(builder.byteCount <= 64 * (received + 1), "\(builder.byteCount) bytes of \(received)")
        }
        return outcome
    }

    private static func encode(_ reply: Reply, onto bytes: inout [UInt8]) {
        switch reply {
        case .bulk(let content): bytes += Array("$\(content.count)\r\n".utf8) + content + Array("\r\n".utf8)
        case .integer(let value): bytes += Array(":\(value)\r\n".utf8)
        case .status(let text): bytes += Array("+\(text)\r\n".utf8)
        case .error(let text): bytes += Array("-\(text)\r\n".utf8)
        case .null: bytes += Array("$-1\r\n".utf8)
        case .array(let elements):
            bytes += Array("*\(elements.count)\r\n".utf8)
            for element in elements { encode(element, onto: &bytes) }
        }
    }
}

/// Draws replies that are like those of the scripts, and others.
enum ReplyMaker {
    private static let words = [
        "OK", "LATE", "NOTMEMBER", "REJECTED", "STALE", "SAME 5 1 0 6 g1.a=5", "OK 5 0 0 6 g1.a=5", "ABSENT", "TOOMANY",
        "FULL", "OLD", "OTHERGROUP", "member", "rebuilding", "cp", "ap", "g1", "g2", "g3", "0011223344556677", "vv",
        "at", "g1.0011223344556677@5", "V0011223344556677::v", "T0011223344556677::", "V0011223344556677:1:v",
        "g1.0011223344556677=5", "", "!", "-", "1", "0", "9007199254740991", "9007199254740992",
        "9223372036854775807", "-9223372036854775808", "5:0011223344556677", "4503599627370495:ffffffffffffffff",
        "epoch=1 g1=a:voter g2=b:voter g3=c:learner", "epoch=18446744073709551615 g1=a:voter g2=b:voter g3=c:voter",
        "0011223344556677:1:1", "ap:k", "cp:k", "run_id:x\r\nmaxmemory_policy:noeviction\r\n",
    ]
    private static let numbers: [Int64] = [
        0, 1, 2, 3, -1, 5, .max, .min, 1 << 53, (1 << 53) - 1, 1_767_225_600_000, 1_767_225_600_000_000,
    ]

    static func reply(_ input: inout FuzzInput, depth: Int) -> Reply {
        switch input.below(depth > 0 ? 12 : 8) {
        case 0, 1, 2: return .bulk(Array(input.pick(words).utf8))
        case 3: return .bulk(input.bytes(atMost: 20))
        case 4: return .integer(input.pick(numbers))
        case 5: return .integer(Int64(truncatingIfNeeded: input.number()))
        case 6: return .null
        case 7:
            let text = String(decoding: input.bytes(atMost: 12).filter { $0 != 13 && $0 != 10 }, as: UTF8.self)
            return input.bool()
                ? .status(text) : .error(input.pick(["ERR ", "OOM ", "NOSCRIPT ", "WRONGTYPE "]) + text)
        default: return .array((0..<input.below(10)).map { _ in reply(&input, depth: depth - 1) })
        }
    }
}
