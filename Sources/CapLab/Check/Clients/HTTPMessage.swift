/// A whole answer: status, and a body of the length that the head gives.
struct HTTPMessage {
    let status: Int
    let body: String
    /// The other side ends the connection after it.
    let closes: Bool

    /// Nil where the bytes are not a whole answer yet.
    init?(_ bytes: [UInt8]) {
        guard let headEnd = Self.endOfHead(bytes) else { return nil }
        let lines = String(decoding: bytes[..<headEnd], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        var length = 0
        var closes = false
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }.lowercased()
            switch line[..<colon].lowercased() {
            case "content-length": length = Int(value) ?? 0
            case "connection": closes = value == "close"
            default: break
            }
        }
        guard bytes.count - headEnd - 4 >= length else { return nil }
        // What is no answer at all counts as one with a status that nobody expects.
        status = words.count > 1 ? Int(words[1]) ?? 0 : 0
        body = String(decoding: bytes[(headEnd + 4)..<(headEnd + 4 + length)], as: UTF8.self)
        self.closes = closes
    }

    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...(bytes.count - 4)).first { at in
            bytes[at] == 13 && bytes[at + 1] == 10 && bytes[at + 2] == 13 && bytes[at + 3] == 10
        }
    }
}
