/// The head of an HTTP/1.1 message: its first line and its header fields.
struct MessageHead: Equatable, Sendable {
    enum Kind: Sendable {
        case request, answer
    }

    /// The words of the first line. In a request these are method and target; in an answer, version and status.
    private let words: [String]
    /// The header fields by name, in lower case.
    let headers: [String: String]

    /// - Parameter bytes: the message up to and including the empty line.
    init?(_ bytes: some Sequence<UInt8>) {
        let lines = String(decoding: Array(bytes), as: UTF8.self).split(separator: "\r\n")
        words = lines.first?.split(separator: " ").map(String.init) ?? []
        guard words.count >= 2 else { return nil }
        let pairs = lines.dropFirst().compactMap { line -> (String, String)? in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            return (parts[0].lowercased(), String(parts[1].drop { $0 == " " }))
        }
        headers = Dictionary(pairs) { $1 }
    }

    var method: String { words[0] }
    var target: String { words[1] }
    var status: Int { Int(words[1]) ?? 0 }

    /// The length of the body in bytes. Nil if the proxy cannot find the end of the message, for example because the
    /// body is chunked or lasts until the connection ends.
    func bodyBytes(of kind: Kind) -> Int? {
        let hasOwnEnd = headers["transfer-encoding"] != nil || headers["upgrade"] != nil || headers["expect"] != nil
        guard !hasOwnEnd else { return nil }
        let length = headers["content-length"].map { Int($0).flatMap { $0 < 0 ? nil : $0 } }
        switch kind {
        case .request:
            // The framer cannot follow these two methods: the answer to HEAD states a length but has no body, and
            // CONNECT begins a tunnel.
            return method == "HEAD" || method == "CONNECT" ? nil : length ?? 0
        case .answer:
            let hasNone = (100..<200).contains(status) || status == 204 || status == 304
            return hasNone ? 0 : length ?? nil
        }
    }
}

/// Splits the bytes of one direction of a connection into HTTP/1.1 messages. Once a message cannot be parsed, it passes
/// on all further bytes unchanged.
struct MessageFramer {
    enum Piece: Equatable {
        /// A head and its bytes. A body of `bodyBytes` bytes follows.
        case head(MessageHead, [UInt8], bodyBytes: Int)
        case body([UInt8], isLast: Bool)
        case unframed([UInt8])
    }

    static let maxHeadBytes = 16 << 10
    private static let blankLine = Array("\r\n\r\n".utf8)

    private let kind: MessageHead.Kind
    private var buffer: [UInt8] = []
    private var bodyBytesLeft = 0
    private(set) var isFramed = true

    init(_ kind: MessageHead.Kind) { self.kind = kind }

    var bufferedBytes: Int { buffer.count }
    /// True if the next piece is part of a body.
    var isInBody: Bool { bodyBytesLeft > 0 }

    mutating func append(_ bytes: UnsafeRawBufferPointer) { buffer.append(contentsOf: bytes) }

    mutating func stopFraming() { isFramed = false }

    mutating func next() -> Piece? {
        guard !buffer.isEmpty else { return nil }
        guard isFramed else {
            defer { buffer = [] }
            return .unframed(buffer)
        }
        if bodyBytesLeft > 0 {
            let part = Array(buffer.prefix(bodyBytesLeft))
            buffer.removeFirst(part.count)
            bodyBytesLeft -= part.count
            return .body(part, isLast: bodyBytesLeft == 0)
        }
        guard let end = buffer.firstRange(of: Self.blankLine)?.upperBound else {
            guard buffer.count > Self.maxHeadBytes else { return nil }
            stopFraming()
            return next()
        }
        let bytes = Array(buffer[..<end])
        guard let head = MessageHead(bytes), let length = head.bodyBytes(of: kind) else {
            stopFraming()
            return next()
        }
        buffer.removeFirst(end)
        bodyBytesLeft = length
        return .head(head, bytes, bodyBytes: length)
    }
}
