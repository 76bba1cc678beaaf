/// The head of a request: request line and header fields, checked against ``MessageGrammar``.
struct RequestHead {
    private(set) var requestLine = RequestLine()
    private(set) var fields = HeaderFields()
    private(set) var framing = BodyFraming()
    private(set) var expectsContinue = false
    /// Whether there is a `traceparent` field. Most requests have none, and need not be searched for it.
    private(set) var hasTraceParent = false
    /// The position of the request on its connection, counted from 1.
    var number = 0
    /// Why the request is rejected; the connection is closed after this response.
    var problem: Problem?

    private var hostLines = 0
    /// The options in the Connection fields, in lower case.
    private var connectionOptions: [Substring] = []

    // MARK: Lines, without their CRLF and without control characters

    mutating func takeRequestLine(_ line: UnsafeRawBufferPointer) throws(Problem) { try requestLine.take(line) }

    mutating func takeField(_ line: UnsafeRawBufferPointer) throws(Problem) {
        let (name, value) = try MessageGrammar.field(line)
        fields.append(name, value)
        // Compare lengths first, because most fields are irrelevant here.
        switch name.count {
        case 4 where name.equalsIgnoringCase("host"):
            hostLines += 1
            guard MessageGrammar.isHost(value) else { throw .malformed("the Host field is malformed") }
        case 6 where name.equalsIgnoringCase("expect"):
            expectsContinue = value.equalsIgnoringCase("100-continue")
        case 10 where name.equalsIgnoringCase("connection"):
            connectionOptions += String(decoding: value, as: UTF8.self).lowercased()
                .split { $0 == "," || $0 == " " || $0 == "\t" }
        case 11 where name.equalsIgnoringCase("traceparent"): hasTraceParent = true
        case 14 where name.equalsIgnoringCase("content-length"): try framing.takeContentLength(value)
        case 17 where name.equalsIgnoringCase("transfer-encoding"): framing.takeTransferEncoding(value)
        default: break
        }
    }

    /// Rejects a request that another HTTP implementation could read differently (RFC 9112, sections 3.2, 6.1 and 6.3).
    func check() throws(Problem) {
        if hostLines > 1 || (hostLines == 0 && !requestLine.isHTTP10) {
            throw .malformed("the request must have one Host field")
        }
        try framing.check(isHTTP10: requestLine.isHTTP10)
    }

    // MARK: For libmicrohttpd

    /// Writes a request line and the fields that delimit the message, for libmicrohttpd, which never gets the client's
    /// own head.
    func appendCanonical(to output: inout [UInt8]) {
        output.append(contentsOf: requestLine.method.name.utf8)
        output.append(text: requestLine.isHTTP10 ? " / HTTP/1.0\r\n" : " / HTTP/1.1\r\n")
        if problem != nil || connectionOptions.contains("close") {
            output.append(text: "Connection: close\r\n")
        } else if connectionOptions.contains("keep-alive") {
            output.append(text: "Connection: keep-alive\r\n")
        }
        if problem == nil {
            if let contentLength = framing.contentLength {
                output.append(contentsOf: "Content-Length: \(min(contentLength, UInt64(Int64.max)))\r\n".utf8)
            }
            if framing.isChunked { output.append(text: "Transfer-Encoding: chunked\r\n") }
            // Leave `Expect` out if there is no body to wait for. Otherwise libmicrohttpd would drop the pipelined
            // requests after this one.
            if expectsContinue, framing.hasBody, !requestLine.isHTTP10 {
                output.append(text: "Expect: 100-continue\r\n")
            }
        }
        output.append(text: "\r\n")
    }
}
