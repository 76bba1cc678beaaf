import CHiredis
import Replication
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(20))) struct ReplyBuilderTests {
    /// The replies that the builder makes of bytes that arrive in pieces of `size`.
    private func replies(_ text: String, inPiecesOf size: Int = .max) throws -> [Reply] {
        let builder = ReplyBuilder()
        let reader = try #require(redisReaderCreate())
        defer { redisReaderFree(reader) }
        builder.attach(to: reader)
        var replies: [Reply] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = rest.prefix(size).map { CChar(bitPattern: $0) }
            rest = rest.dropFirst(size)
            #expect(redisReaderFeed(reader, piece, piece.count) == REDIS_OK)
            var reply: UnsafeMutableRawPointer?
            while redisReaderGetReply(reader, &reply) == REDIS_OK, reply != nil { replies.append(builder.take().reply) }
        }
        return replies
    }

    private static let every = "+OK\r\n-ERR no\r\n:-7\r\n$-1\r\n$0\r\n\r\n$3\r\na\r\n\r\n*-1\r\n"

    @Test(arguments: [Int.max, 1, 3]) func everyKindOfReplyIsParsedFromPieces(size: Int) throws {
        let expected: [Reply] = [
            .status("OK"), .error("ERR no"), .integer(-7), .null, .bulk([]), .bulk(Bytes("a\r\n".utf8)), .null,
        ]
        #expect(try replies(Self.every, inPiecesOf: size) == expected)
    }

    @Test(arguments: [Int.max, 1]) func nestedArraysKeepTheirStructure(size: Int) throws {
        let text = "*4\r\n*0\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n-WRONGTYPE bad\r\n$2\r\nyz\r\n:9\r\n"
        let expected: [Reply] = [
            .array([
                .array([]), .array([.integer(1), .array([.bulk(Bytes("x".utf8))])]), .error("WRONGTYPE bad"),
                .bulk(Bytes("yz".utf8)),
            ]), .integer(9),
        ]
        #expect(try replies(text, inPiecesOf: size) == expected)
    }

    /// hiredis 1.x parses replies of RESP3, for which no command asks.
    @Test(arguments: [",1.5\r\n", "#t\r\n", "*2\r\n:1\r\n,1.5\r\n", "*1\r\n#f\r\n"])
    func aNumberOrBooleanOfRESP3IsAnError(text: String) throws {
        let builder = ReplyBuilder()
        let reader = try #require(redisReaderCreate())
        defer { redisReaderFree(reader) }
        builder.attach(to: reader)
        _ = text.withCString { redisReaderFeed(reader, $0, text.utf8.count) }
        var reply: UnsafeMutableRawPointer?
        #expect(redisReaderGetReply(reader, &reply) == REDIS_ERR)
    }

    @Test func arraysNestedTooDeeplyAreAnError() throws {
        let builder = ReplyBuilder()
        let reader = try #require(redisReaderCreate())
        defer { redisReaderFree(reader) }
        builder.attach(to: reader)
        let text = String(repeating: "*1\r\n", count: 20) + ":1\r\n"
        _ = text.withCString { redisReaderFeed(reader, $0, text.utf8.count) }
        var reply: UnsafeMutableRawPointer?
        #expect(redisReaderGetReply(reader, &reply) == REDIS_ERR)
    }
}
