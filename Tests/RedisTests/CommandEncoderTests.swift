import Replication
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(20))) struct CommandEncoderTests {
    @Test(arguments: [0, 1, 9, 10, 99, 100, 127, 128, 129, 999, 100_000])
    func anArgumentOfAnyLengthIsEncoded(count: Int) {
        let argument = Bytes(repeating: UInt8(ascii: "x"), count: count)
        let text = String(repeating: "x", count: count)
        let encoded = CommandEncoder([Bytes("ECHO".utf8), argument]).encoded
        #expect(String(decoding: encoded, as: UTF8.self) == "*2\r\n$4\r\nECHO\r\n$\(count)\r\n\(text)\r\n")
    }
}
