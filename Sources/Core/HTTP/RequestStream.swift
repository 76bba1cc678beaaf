/// Splits what a client sends into requests, strictly, before libmicrohttpd reads it.
///
/// libmicrohttpd 0.9.75 accepts what a proxy may read as another message, and answers what it rejects in HTML, or twice.
/// So it gets each request as ``RequestHead/canonical``, with a body whose framing is checked (RFC 9112, section 7.1);
/// the rest of the head is in ``heads``. A message that is malformed becomes a request that is refused by its own
/// answer, after all earlier ones, and ends the connection.
struct RequestStream {
    private enum State {
        case head
        case body(left: UInt64)
        case chunkSize
        case chunk(left: UInt64)
        /// Behind the data of a chunk.
        case chunkEnd
        case trailers
        /// The input is dropped from here on.
        case failed
    }

    /// An idle connection keeps no larger buffers.
    private static let keptBytes = 1_024

    private let maxHeadBytes: Int
    private var state = State.head
    /// The incomplete line.
    private var line: [UInt8] = []
    /// Bytes of the head, the line of a chunk, or the trailers so far.
    private var lengthBytes = 0
    private var head = RequestHead()
    private var isRequestLineComplete = false
    private var count = 0

    /// Heads that libmicrohttpd has not begun to read.
    private(set) var heads: [RequestHead] = []
    /// For libmicrohttpd.
    private(set) var output: [UInt8] = []
    /// The request whose body is malformed: its number, and its answer.
    private(set) var brokenBody: (number: Int, problem: Problem)?

    init(maxHeadBytes: Int) { self.maxHeadBytes = maxHeadBytes }

    var hasFailed: Bool { if case .failed = state { true } else { false } }

    /// Removes the first head.
    mutating func nextHead() -> RequestHead? { heads.isEmpty ? nil : heads.removeFirst() }

    /// Moves as much of the output as `buffer` can hold.
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
        var rest = input[...]
        while !rest.isEmpty {
            switch state {
            case .failed: return
            case .body(let left):
                let taken = pass(&rest, atMost: left)
                state = left > taken ? .body(left: left - taken) : .head
            case .chunk(let left):
                let taken = pass(&rest, atMost: left)
                state = left > taken ? .chunk(left: left - taken) : .chunkEnd
            case .head, .chunkSize, .chunkEnd, .trailers:
                take(rest.removeFirst())
            }
        }
    }

    private mutating func pass(_ rest: inout Slice<UnsafeRawBufferPointer>, atMost most: UInt64) -> UInt64 {
        let count = Int(min(UInt64(rest.count), most))
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
        rest = rest.dropFirst(count)
        return UInt64(count)
    }

    // MARK: Lines

    private mutating func take(_ byte: UInt8) {
        do throws(Problem) {
            if byte == UInt8(ascii: "\n") {
                guard line.last == UInt8(ascii: "\r") else { throw .malformed("a line ends without a carriage return") }
                line.removeLast()
                try takeLine()
                line.removeAll(keepingCapacity: line.capacity <= Self.keptBytes)
                return
            }
            guard line.last != UInt8(ascii: "\r"), byte >= 0x20 || byte == 0x0D || byte == 0x09, byte != 0x7F else {
                throw .malformed("a line contains a control character")
            }
            if case .chunkEnd = state, byte != UInt8(ascii: "\r") {
                throw .malformed("a chunk is longer than its size")
            }
            lengthBytes += 1
            guard lengthBytes <= maxHeadBytes else { throw tooLong }
            line.append(byte)
        } catch { fail(error) }
    }

    private var tooLong: Problem {
        guard case .head = state else { return .malformed("the framing of the body is too long") }
        guard isRequestLineComplete else {
            return Problem(status: 414, code: "target_too_long", detail: "the request line is too long")
        }
        return Problem(status: 431, code: "headers_too_large", detail: "the header block is too long")
    }

    private mutating func takeLine() throws(Problem) {
        switch state {
        case .head where !isRequestLineComplete:
            // Empty lines before a request are ignored (section 2.2).
            guard !line.isEmpty else { return }
            try head.takeRequestLine(line[...])
            isRequestLineComplete = true
        case .head:
            guard line.isEmpty else { return try head.takeField(line[...]) }
            try head.check()
            finishHead()
        case .chunkSize:
            let size = try chunkSize()
            lengthBytes = 0
            guard size > 0 else {
                state = .trailers
                return
            }
            output.append(contentsOf: "\(String(size, radix: 16))\r\n".utf8)
            state = .chunk(left: size)
        case .chunkEnd:
            guard line.isEmpty else { throw .malformed("a chunk is longer than its size") }
            output.append(contentsOf: "\r\n".utf8)
            lengthBytes = 0
            state = .chunkSize
        case .trailers:
            // Nobody reads them.
            guard line.isEmpty else {
                _ = try RequestHead.field(line[...])
                return
            }
            output.append(contentsOf: "0\r\n\r\n".utf8)
            beginHead()
        case .body, .chunk, .failed: break
        }
    }

    /// Section 7.1. Extensions are ignored.
    private func chunkSize() throws(Problem) -> UInt64 {
        let digits = line.prefix(while: RequestHead.isHex)
        let rest = line[digits.count...].drop(while: RequestHead.isBlank)
        guard let size = UInt64(String(decoding: digits, as: UTF8.self), radix: 16), size <= UInt64(Int64.max),
            rest.isEmpty || rest.first == UInt8(ascii: ";")
        else { throw .malformed("the size of a chunk is malformed") }
        return size
    }

    // MARK: Messages

    private mutating func beginHead() {
        state = .head
        lengthBytes = 0
        head = RequestHead()
        isRequestLineComplete = false
    }

    private mutating func finishHead() {
        let complete = head
        pass(complete)
        beginHead()
        if complete.isChunked {
            state = .chunkSize
        } else if let length = complete.contentLength, length > 0 {
            state = .body(left: length)
        }
    }

    private mutating func pass(_ head: RequestHead) {
        count += 1
        heads.append(head)
        heads[heads.count - 1].number = count
        output.append(contentsOf: head.canonical.utf8)
    }

    private mutating func fail(_ problem: Problem) {
        switch state {
        case .head:
            head.problem = problem
            pass(head)
        case .chunkSize, .chunkEnd, .trailers:
            // libmicrohttpd accepts no answer in the middle of a body, so it gets the end of one.
            if case .chunkEnd = state { output.append(contentsOf: "\r\n".utf8) }
            output.append(contentsOf: "0\r\n\r\n".utf8)
            brokenBody = (count, problem)
        case .body, .chunk, .failed: break
        }
        line = []
        state = .failed
    }
}
