import EventLoop

/// Draws pipelines of requests, and changes them so that they are nearly valid.
struct RequestMutator {
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
    private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    private static let bytes: [UInt8] = [0, 9, 10, 13, 32, 34, 44, 48, 58, 59, 65, 127, 128, 255]
    private static let lines = [
        "Content-Length: abc", "Content-Length:", "Content-Length: 3,3", "Content-Length: 3 ", "Content-Length: 0",
        "Content-Length : 3", "content-length: 5", "Content-Length: +1", "Content-Length: 0x3", "Content-Length: 99",
        "Transfer-Encoding: chunked", "Transfer-Encoding: x", "Transfer-Encoding:\u{b}chunked",
        "transfer-encoding: Chunked",
        "Transfer-Encoding : chunked", "Transfer-Encoding: chunked, chunked", "Host: b", "Host: a b", "Host: [::1]:80",
        " folded", "X: y", "X Y: z", ": no name", "no colon", "Connection: keep-alive", "Cookie: a=b; c=\"d\"",
    ]

    /// - Returns: the input, and how many requests it had before it was changed.
    mutating func pipeline() -> (input: [UInt8], count: Int) {
        let count = 1 + below(5)
        var input: [UInt8] = []
        for _ in 0..<count { input += mutated(request()) }
        return (input, count)
    }

    private mutating func request() -> [UInt8] {
        let method = pick(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"])
        let target = pick(
            below(4) > 0
                ? ["/e", "/e?a=b", "*", "http://h/e", "/\u{e4}", "/e%00"]
                : ["http://h:1?q", "http://u@h/e", "http:///e", "/e#f", "e", "HTTPS://[::1]/e", "http://:80/"])
        var text =
            "\(method) \(target) HTTP/1.\(pick([1, 1, 1, 0, 3]))\r\nHost: \(pick(["t", "", "h:80", "a%20b"]))\r\n"
        if below(4) == 0 { text += pick(Self.lines) + "\r\n" }
        switch below(3) {
        case 0:
            let size = below(12)
            text += "Content-Length: \(size)\r\n\r\n" + String(repeating: pick(["x", "\r", "\n", "G"]), count: size)
        case 1:
            text += "Transfer-Encoding: chunked\r\n\r\n"
            for _ in 0..<below(3) {
                let size = 1 + below(18)
                text +=
                    "\(String(size, radix: 16))\(pick(["", "", ";a=b", " ;c"]))\r\n\(String(repeating: "y", count: size))\r\n"
            }
            text += "0\r\n\(pick(["", "", "T: u\r\n", "bad trailer\r\n"]))\r\n"
        default: text += "\r\n"
        }
        return Array(text.utf8)
    }

    private mutating func mutated(_ request: [UInt8]) -> [UInt8] {
        var bytes = request
        for _ in 0..<below(3) {
            guard !bytes.isEmpty else { break }
            let at = below(bytes.count)
            switch below(7) {
            case 0: bytes.remove(at: at)
            case 1: bytes.insert(bytes[at], at: at)
            case 2: bytes.insert(pick(Self.bytes), at: at)
            case 3: bytes[at] = pick(Self.bytes)
            case 4:
                // Let a line end with only a line feed, or only a carriage return.
                if let carriage = bytes[at...].firstIndex(of: 13) {
                    bytes.remove(at: min(carriage + below(2), bytes.count - 1))
                }
            case 5:
                if let end = bytes[at...].firstIndex(of: 10) {
                    bytes.insert(contentsOf: Array((pick(Self.lines) + "\r\n").utf8), at: end + 1)
                }
            default: bytes.swapAt(at, below(bytes.count))
            }
        }
        return bytes
    }

    /// Cuts the input into parts, as the network may.
    mutating func parts(of input: [UInt8]) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var rest = input[...]
        while !rest.isEmpty {
            let size = below(3) == 0 ? 1 + below(4) : 1 + below(rest.count)
            parts.append(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        return parts
    }
}
