import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct AnswerTests {
    private func answer(_ status: Int, _ body: String) -> Answer { Answer(status: status, tookMs: 2.1, body: body) }

    @Test func aReadIsDecoded() {
        let answer = answer(
            200,
            """
            {"mode":"ap","key":"color","value":"red","version":"abc.def","staleness_ms":2130.5,"stale":true,\
            "conflicts":[{"value":"red","version":"x"},{"value":"blue"}]}
            """)
        #expect(answer.status == 200)
        #expect(answer.took == "2.1 ms")
        #expect(answer.value == "red")
        #expect(answer.version?.text == "abc.def")
        #expect(answer.stale == true)
        #expect(answer.siblings == ["red", "blue"])
        #expect(answer.summary == "200, may miss 2.1 s")
    }

    @Test func aPageOfReplicasShowsWhetherEveryStalenessIsKnown() {
        func page(_ staleness: String...) -> Answer {
            let replicas = staleness.map { "{\"node\":\"g\",\"staleness_ms\":\($0)}" }.joined(separator: ",")
            return answer(200, "{\"replicas\":[\(replicas)]}")
        }
        #expect(page("0", "12.5").knowsEveryStaleness)
        #expect(!page("0", "null").knowsEveryStaleness)
        #expect(!page().knowsEveryStaleness)
    }

    @Test func hintsAreDecodedByPeer() {
        let page = answer(200, "{\"replicas\":[{\"node\":\"g1\",\"hints\":{\"g2\":{\"entries\":3,\"overflowed\":1}}}]}")
        #expect(page.replicas?.first?.hints?["g2"]?.entries == 3)
        #expect(page.replicas?.first?.hints?["g2"]?.overflowed == 1)
    }

    @Test func siblingsMayBePlainValues() {
        #expect(answer(200, "{\"conflicts\":[\"red\",\"blue\"]}").siblings == ["red", "blue"])
    }

    @Test func aDeleteAmongTheSiblingsHasNoValue() {
        let answer = answer(200, "{\"value\":\"red\",\"conflicts\":[null,\"red\"]}")
        #expect(answer.siblings == ["red"])
        #expect(answer.value == "red")
    }

    @Test func aNumericVersionIsDecoded() {
        #expect(answer(200, "{\"version\":12}").version?.text == "12")
    }

    @Test func aRejectionIsSummarisedByItsCode() {
        let answer = answer(503, "{\"code\":\"no_quorum\",\"outcome\":\"not_applied\"}")
        #expect(answer.outcome == "not_applied")
        #expect(answer.summary == "503 no_quorum, 2.1 ms")
    }

    @Test func aBodyThatIsNotJSONHasNoMembers() {
        #expect(answer(200, "app_cp").value == nil)
    }
}

@Suite(.timeLimit(.minutes(20))) struct TourTextTests {
    @Test func aRequestIsShownAsACurlCommand() {
        let request = HTTPRequest(method: "POST", path: "/write/k/v", headers: [("X-Context", "it's")])
        #expect(
            request.curlCommand(CurlTarget(port: 80))
                == #"curl -X POST -H 'X-Context: it'\''s' http://127.0.0.1:80/write/k/v"#)
        #expect(HTTPRequest(path: "/read/k").curlCommand(CurlTarget(port: 80)) == "curl http://127.0.0.1:80/read/k")
    }

    @Test func longVersionsAreShortened() {
        let token = "A61STRjWqynFWButyW8cC08BAmcxTeI2XVpSrwUBAAAGYV407RiF"
        #expect(
            Tour.shortened("\"version\":\"\(token)\",\"value\":\"green\"")
                == "\"version\":\"A61STRjW...\",\"value\":\"green\"")
    }

    @Test func linesAreWrappedAfterASpaceOrAComma() {
        let text = (0..<40).map { "word\($0)" }.joined(separator: ",")
        let lines = TextLayout.wrapped("   \(text)", indent: 6).split(separator: "\n")
        #expect(lines.count > 3)
        #expect(lines.allSatisfy { $0.count <= TextLayout.width })
        #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("      word") })
        #expect(lines.map { $0.drop { $0 == " " } }.joined() == text)
    }

    @Test func coloursAreForTerminalsOnly() {
        #expect(TextStyle(isColoured: true).paint("x", .red) == "\u{1B}[31mx\u{1B}[0m")
        #expect(TextStyle(isColoured: false).paint("x", .red) == "x")
        #expect(!TextStyle(environment: ["NO_COLOR": "1"]).isColoured)
    }
}
