import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct RESPReaderTests {
    /// Reads the text in pieces that end at the given places.
    private func read(_ text: String, cutAt cuts: [Int] = [], into reader: inout RESPReader) -> [RESPMessage] {
        let bytes = Array(text.utf8)
        var messages: [RESPMessage] = []
        var start = 0
        for end in cuts + [bytes.count] {
            bytes[start..<end].withUnsafeBytes { reader.read($0) { message, _ in messages.append(message) } }
            start = end
        }
        return messages
    }

    private func texts(_ message: RESPMessage) -> [String?] { message.elements.indices.map { message.text($0) } }

    private let stream =
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n+OK\r\n:42\r\n$-1\r\n*0\r\n*2\r\n*1\r\n$1\r\nx\r\n-ERR no\r\n"

    @Test func everyKindOfElementIsRead() {
        var reader = RESPReader()
        let messages = read(stream, into: &reader)
        #expect(
            messages.map(texts) == [
                [nil, "SET", "k", "a\r\nb"], ["OK"], ["42"], [nil], [nil], [nil, nil, "x", "ERR no"],
            ])
        #expect(messages.map(\.byteCount).reduce(0, +) == stream.utf8.count)
        #expect(messages[5].elements.map(\.depth) == [0, 1, 2, 1])
        #expect(messages[5].elements.map(\.kind) == [.array, .array, .bulk, .error])
        #expect(messages[3].elements[0].kind == .null)
        #expect(!reader.isLost && reader.isBetweenMessages)
    }

    @Test func bytesMayBeSplitAnywhere() {
        var whole = RESPReader()
        let expected = read(stream, into: &whole).map(texts)
        for cut in 0...stream.utf8.count {
            var reader = RESPReader()
            #expect(read(stream, cutAt: [cut], into: &reader).map(texts) == expected, "cut at \(cut)")
        }
        var reader = RESPReader()
        #expect(read(stream, cutAt: Array(1..<stream.utf8.count), into: &reader).map(texts) == expected)
    }

    @Test func endsOfMessagesAreReported() {
        var reader = RESPReader()
        var ends: [Int] = []
        Array("+A\r\n$2\r\nhi\r\n+".utf8).withUnsafeBytes { reader.read($0) { _, end in ends.append(end) } }
        #expect(ends == [4, 12])
        #expect(!reader.isBetweenMessages)
    }

    @Test(arguments: [
        "PING\r\n", "*1\r\n$3\r\nabcd\r\n", "*x\r\n", "$12345678901\r\n", "*1\n", "%1\r\n", "\r\n", "$-2\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n+x\r\n", "*99999999\r\n", "\u{0}1\r\n",
    ])
    func malformedInputLosesThePlaceForGood(text: String) {
        var reader = RESPReader()
        #expect(read(text, into: &reader).isEmpty)
        #expect(reader.isLost)
        #expect(read("+OK\r\n", into: &reader).isEmpty)
    }

    @Test func longElementsAreCutAndCounted() {
        let long = String(repeating: "v", count: 100_000)
        let text = "*2\r\n$100000\r\n\(long)\r\n$2\r\nok\r\n+\(long.prefix(1_000))\r\n"
        var reader = RESPReader(limits: RESPReader.Limits(elements: 8, bytesPerElement: 10, bytes: 64))
        let messages = read(text, cutAt: [50, 5_000], into: &reader)
        #expect(messages.count == 2)
        #expect(messages[0].elements[1].count == 100_000)
        #expect(messages[0].bytes(1).count == 10 && messages[0].text(1) == nil)
        #expect(messages[0].text(2) == "ok")
        #expect(messages[1].bytes(0).count == 10 && messages[1].elements[0].count == 1_000)
    }

    @Test func elementsBeyondTheLimitAreSkipped() {
        let text = "*100\r\n" + String(repeating: "$1\r\nx\r\n", count: 100) + ":7\r\n"
        var reader = RESPReader(limits: RESPReader.Limits(elements: 5, bytesPerElement: 10, bytes: 3))
        let messages = read(text, into: &reader)
        #expect(messages.map(\.elements.count) == [5, 1])
        #expect(messages[0].elements[0].count == 100)
        #expect(messages[0].kept.count == 3)
        #expect(messages[1].text(0) == "7")
    }

    @Test func childrenAreFoundBehindNestedArrays() {
        var reader = RESPReader()
        let message = read("*3\r\n*2\r\n:1\r\n:2\r\n:3\r\n*1\r\n:4\r\n", into: &reader)[0]
        #expect(message.child(1, of: 0).flatMap { message.number($0) } == 3)
        #expect(message.child(2, of: 0).flatMap { message.child(0, of: $0) }.flatMap { message.number($0) } == 4)
        #expect(message.child(2, of: 1) == nil)
        #expect(message.child(3, of: 0) == nil)
    }
}
