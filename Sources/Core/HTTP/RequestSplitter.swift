/// Splits a client's input into requests, and checks them strictly, before libmicrohttpd reads them.
///
/// libmicrohttpd 0.9.75 accepts messages that a proxy may read differently. If it rejects a message, it responds in
/// HTML, or twice. So it gets each request as ``RequestHead/appendCanonical(to:)`` writes it, with a body whose framing
/// is checked (RFC 9112, section 7.1). The complete heads are in ``heads``. A malformed message becomes a request that
/// is rejected after the responses to all earlier ones. Then the connection is closed.
struct RequestSplitter {
    private enum State {
        case requestLine
        case fields
        case body(left: UInt64)
        case chunkSize
        case chunk(left: UInt64)
        /// After the data of a chunk.
        case chunkEnd
        case trailers
        /// All further input is dropped.
        case failed
    }

    /// The largest capacity, in bytes, of an emptied buffer that a connection keeps.
    private static let keptBytes = 1_024

    private let maxHeadBytes: Int
    private var state = State.requestLine
    /// The beginning of a line whose end has not arrived. A line that arrives in one piece is parsed in place.
    private var line: [UInt8] = []
    /// Bytes read so far of the head, of the size line of a chunk, or of the trailers, without line feeds.
    private var lengthBytes = 0
    private var head = RequestHead()
    private var count = 0

    /// Heads that libmicrohttpd has not begun to read.
    private(set) var heads: [RequestHead] = []
    /// Checked bytes that libmicrohttpd has not read yet.
    private(set) var output: [UInt8] = []
    /// The request whose body is malformed: its number, and its response.
    private(set) var brokenBody: (number: Int, problem: Problem)?

    init(maxHeadBytes: Int) { self.maxHeadBytes = maxHeadBytes }

    var hasFailed: Bool { if case .failed = state { true } else { false } }

    /// Removes the first head.
    mutating func nextHead() -> RequestHead? { heads.isEmpty ? nil : heads.removeFirst() }

    /// Moves as much of the output into `buffer` as fits, and returns the number of bytes.
    mutating func takeOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let taken = min(output.count, buffer.count)
        guard taken > 0 else { return 0 }
        output.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<taken])) }
        if taken < output.count {
            output.removeFirst(taken)
        } else {
            output.removeAll(keepingCapacity: output.capacity <= Self.keptBytes)
        }
        return taken
    }

    mutating func append(_ input: UnsafeRawBufferPointer) {
        var rest = input
        while !rest.isEmpty {
            switch state {
            case .failed: return
            case .body(let left):
                let taken = pass(&rest, atMost: left)
                state = left > taken ? .body(left: left - taken) : .requestLine
            case .chunk(let left):
                let taken = pass(&rest, atMost: left)
                state = left > taken ? .chunk(left: left - taken) : .chunkEnd
            case .requestLine, .fields, .chunkSize, .chunkEnd, .trailers:
                do throws(Problem) {
                    try takeLine(from: &rest)
                } catch { fail(error) }
            }
        }
    }

    private mutating func pass(_ rest: inout UnsafeRawBufferPointer, atMost most: UInt64) -> UInt64 {
        let count = Int(min(UInt64(rest.count), most))
        output.append(contentsOf: rest.part(..<count))
        rest = rest.part(count...)
        return UInt64(count)
    }

    // MARK: Lines

    /// Reads to the end of the line, or to the end of the input.
    private mutating func takeLine(from rest: inout UnsafeRawBufferPointer) throws(Problem) {
        guard let end = rest.firstOffset(of: UInt8(ascii: "\n")) else {
            try check(rest)
            line.append(contentsOf: rest)
            rest = rest.part(rest.count...)
            return
        }
        let piece = rest.part(..<end)
        rest = rest.part((end + 1)...)
        try check(piece)
        guard !line.isEmpty else { return try takeLine(piece) }
        line.append(contentsOf: piece)
        var whole: [UInt8] = []
        swap(&whole, &line)
        try whole.withUnsafeBufferPointer { (bytes) throws(Problem) in
            try takeLine(UnsafeRawBufferPointer(bytes))
        }
        whole.removeAll(keepingCapacity: whole.capacity <= Self.keptBytes)
        swap(&whole, &line)
    }

    /// Checks the next bytes of a line, and counts them. A carriage return is allowed only at the end.
    private mutating func check(_ piece: UnsafeRawBufferPointer) throws(Problem) {
        let allowed = piece.part(..<min(piece.count, maxHeadBytes - lengthBytes))
        let text = allowed.last == UInt8(ascii: "\r") ? allowed.part(..<(allowed.count - 1)) : allowed
        guard !text.hasControlCharacter, line.last != UInt8(ascii: "\r") || piece.isEmpty else {
            throw .malformed("a line contains a control character")
        }
        if case .chunkEnd = state, !text.isEmpty { throw .malformed("a chunk is longer than its size") }
        lengthBytes += piece.count
        guard lengthBytes <= maxHeadBytes else { throw tooLong }
    }

    private var tooLong: Problem {
        switch state {
        case .requestLine: Problem(status: 414, code: "target_too_long", detail: "the request line is too long")
        case .fields: Problem(status: 431, code: "headers_too_large", detail: "the header block is too long")
        default: .malformed("the framing of the body is too long")
        }
    }

    /// - Parameter text: the line without its line feed.
    private mutating func takeLine(_ text: UnsafeRawBufferPointer) throws(Problem) {
        guard text.last == UInt8(ascii: "\r") else { throw .malformed("a line ends without a carriage return") }
        let line = text.part(..<(text.count - 1))
        switch state {
        case .requestLine:
            // Empty lines before a request are ignored (section 2.2).
            guard !line.isEmpty else { return }
            try head.takeRequestLine(line)
            state = .fields
        case .fields:
            guard line.isEmpty else { return try head.takeField(line) }
            try head.check()
            finishHead()
        case .chunkSize:
            let size = try Self.chunkSize(line)
            lengthBytes = 0
            guard size > 0 else {
                state = .trailers
                return
            }
            output.append(contentsOf: "\(String(size, radix: 16))\r\n".utf8)
            state = .chunk(left: size)
        case .chunkEnd:
            guard line.isEmpty else { throw .malformed("a chunk is longer than its size") }
            output.append(text: "\r\n")
            lengthBytes = 0
            state = .chunkSize
        case .trailers:
            // Checked and dropped.
            guard line.isEmpty else {
                _ = try MessageGrammar.field(line)
                return
            }
            output.append(text: "0\r\n\r\n")
            beginHead()
        case .body, .chunk, .failed: break
        }
    }

    /// Parses the size line of a chunk (RFC 9112, section 7.1). Chunk extensions are ignored.
    private static func chunkSize(_ line: UnsafeRawBufferPointer) throws(Problem) -> UInt64 {
        let digits = line.prefix(while: MessageGrammar.isHex)
        let rest = line[digits.endIndex...].drop(while: MessageGrammar.isBlank)
        guard let size = UInt64(String(decoding: digits, as: UTF8.self), radix: 16), size <= UInt64(Int64.max),
            rest.isEmpty || rest.first == UInt8(ascii: ";")
        else { throw .malformed("the size of a chunk is malformed") }
        return size
    }

    // MARK: Messages

    private mutating func beginHead() {
        state = .requestLine
        lengthBytes = 0
        head = RequestHead()
    }

    private mutating func finishHead() {
        let framing = head.framing
        passHead()
        beginHead()
        if framing.isChunked {
            state = .chunkSize
        } else if framing.hasBody {
            state = .body(left: framing.contentLength ?? 0)
        }
    }

    private mutating func passHead() {
        count += 1
        head.number = count
        head.appendCanonical(to: &output)
        heads.append(head)
    }

    private mutating func fail(_ problem: Problem) {
        switch state {
        case .requestLine, .fields:
            head.problem = problem
            passHead()
        case .chunkSize, .chunkEnd, .trailers:
            // libmicrohttpd does not accept a response in the middle of a body, so pass it an end of the body.
            if case .chunkEnd = state { output.append(text: "\r\n") }
            output.append(text: "0\r\n\r\n")
            brokenBody = (count, problem)
        case .body, .chunk, .failed: break
        }
        line = []
        state = .failed
    }
}
