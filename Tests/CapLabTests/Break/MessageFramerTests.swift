import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct MessageFramerTests {
    private func pieces(_ kind: MessageHead.Kind, _ parts: String...) -> [MessageFramer.Piece] {
        var framer = MessageFramer(kind)
        var found: [MessageFramer.Piece] = []
        for part in parts {
            Array(part.utf8).withUnsafeBytes { framer.append($0) }
            while let piece = framer.next() { found.append(piece) }
        }
        return found
    }

    /// Heads as their first words, bodies as their text.
    private func text(_ pieces: [MessageFramer.Piece]) -> [String] {
        pieces.map { piece in
            switch piece {
            case .head(let head, _, let bodyBytes): "\(head.method) \(head.target) +\(bodyBytes)"
            case .body(let bytes, let isLast): String(decoding: bytes, as: UTF8.self) + (isLast ? "." : "")
            case .unframed(let bytes): "raw " + String(decoding: bytes, as: UTF8.self).prefix(12)
            }
        }
    }

    @Test func requestsAreCutAtTheirEndsWhereverTheBytesAreSplit() {
        let all =
            "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /c HTTP/1.1\r\n\r\n"
        let expected = ["GET /a +0", "POST /b +3", "abc.", "GET /c +0"]
        #expect(text(pieces(.request, all)) == expected)
        for place in [1, 20, 27, 45, 60] {
            let cut = text(pieces(.request, String(all.prefix(place)), String(all.dropFirst(place))))
            #expect(cut.joined(separator: " ").replacing("a bc", with: "abc") == expected.joined(separator: " "))
        }
    }

    @Test func anAnswerWithoutALengthIsNotFramed() {
        #expect(text(pieces(.answer, "HTTP/1.1 200 OK\r\n\r\nabc", "def")) == ["raw HTTP/1.1 200", "raw def"])
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        #expect(text(pieces(.answer, chunked)).allSatisfy { $0.hasPrefix("raw") })
    }

    @Test func anAnswerThatHasNoBodyIsComplete() {
        let answers = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No\r\n\r\n"
        #expect(text(pieces(.answer, answers)) == ["HTTP/1.1 304 +0", "HTTP/1.1 204 +0"])
    }

    @Test(arguments: [
        "HEAD / HTTP/1.1\r\n\r\n", "CONNECT x HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "nonsense\r\n\r\n",
    ])
    func whatIsNotUnderstoodPassesAsItIs(_ request: String) {
        #expect(pieces(.request, request) == [.unframed(Array(request.utf8))])
    }

    @Test func aHeadWithoutAnEndIsNotKeptForEver() {
        var framer = MessageFramer(.request)
        let part = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000)
        var passed = 0
        for _ in 0..<20 {
            part.withUnsafeBytes { framer.append($0) }
            while case .unframed(let bytes)? = framer.next() { passed += bytes.count }
            #expect(framer.bufferedBytes <= MessageFramer.maxHeadBytes + part.count)
        }
        #expect(passed == 200_000)
    }
}
