import Testing

@testable import CapLab

@Suite struct AnswerTests {
    @Test func anAvailableReadIsUnderstood() {
        let answer = Answer(
            curlOutput: """
                {"mode":"ap","key":"color","value":"red","version":"abc.def","staleness_ms":2130.5,"stale":true,\
                "conflicts":[{"value":"red","version":"x"},{"value":"blue"}]}
                200 0.0034
                """)
        #expect(answer.status == 200)
        #expect(answer.took == "3.4 ms")
        #expect(answer.value == "red")
        #expect(answer.version == "abc.def")
        #expect(answer.isStale == true)
        #expect(answer.conflicts == ["red", "blue"])
        #expect(answer.summary == "200, 2.1 s old")
    }

    @Test func aPageOfReplicasSaysWhetherEachAgeIsKnown() {
        func page(_ ages: String...) -> Answer {
            let replicas = ages.map { "{\"node\":\"g\",\"staleness_ms\":\($0)}" }.joined(separator: ",")
            return Answer(curlOutput: "{\"replicas\":[\(replicas)]}\n200 0.001")
        }
        #expect(page("0", "12.5").knowsEveryAge)
        #expect(!page("0", "null").knowsEveryAge)
        #expect(!page().knowsEveryAge)
    }

    @Test func siblingsMayBeListedAsBareValues() {
        #expect(Answer(curlOutput: "{\"conflicts\":[\"red\",\"blue\"]}\n200 0.001").conflicts == ["red", "blue"])
    }

    @Test func aNumberedVersionIsReadAsItIsWritten() {
        #expect(Answer(curlOutput: "{\"version\":12}\n200 0.001").version == "12")
    }

    @Test func aRefusalIsSummedUpByItsCode() {
        let answer = Answer(curlOutput: "{\"code\":\"no_quorum\",\"outcome\":\"not_applied\"}\n503 0.0021")
        #expect(answer.outcome == "not_applied")
        #expect(answer.summary == "503 no_quorum, 2.1 ms")
    }

    @Test func whatCurlCouldNotDoIsNoAnswer() {
        #expect(Answer(curlOutput: "").status == 0)
        #expect(Answer(curlOutput: "curl: (7) Failed to connect\n\n000 0.0001").status == 0)
        #expect(Answer(curlOutput: "no figures\nat all").body == "no figures\nat all")
    }

    @Test func theShownLineCanBeTyped() {
        let request = CurlRequest(method: "POST", url: "http://h/write/k/v", headers: ["X-Context: it's"])
        #expect(request.line == #"curl -X POST -H 'X-Context: it'\''s' http://h/write/k/v"#)
        #expect(CurlRequest(url: "http://h/read/k").line == "curl http://h/read/k")
    }
}
