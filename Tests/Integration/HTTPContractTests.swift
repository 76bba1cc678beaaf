import Testing
import TestSupport

/// The HTTP interface of both services, with the real executables on real Redis servers.
@Suite(.serialized, .timeLimit(.minutes(20))) struct HTTPContractTests {
    @Test(arguments: ["cp", "ap"])
    func aValueIsReadAsItWasWritten(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        let written = try app.write("color", "green")
        #expect(written.status == 200)
        #expect(written.string("outcome") == "applied")
        #expect(written.string("mode") == mode)
        let read = try app.read("color")
        #expect(read.status == 200)
        #expect(read.string("value") == "green")
        #expect(read.string("encoding") == "utf-8")
        #expect(read.bool("stale") == false)
        #expect(try app.session.http("DELETE", "/delete/color").status == 200)
        let gone = try app.read("color")
        #expect(gone.status == 404)
        #expect(gone.string("code") == "key_not_found")
        #expect(gone.headers["content-type"] == "application/problem+json")
    }

    @Test(arguments: ["cp", "ap"])
    func keysAndValuesMayBeAnyBytes(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        let value = [UInt8](0...255)
        #expect(try app.session.http("POST", "/write/a%2Fb%00%FF", body: value).status == 200)
        let read = try app.session.http("GET", "/read/a%2Fb%00%FF", headers: ["Accept": "application/octet-stream"])
        #expect(read.body == value)
        #expect(try app.session.http("GET", "/read/a%2Fb%00%FF").string("encoding") == "base64")
    }

    @Test(arguments: ["cp", "ap"])
    func bothRepresentationsOfAValueHaveVary(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        _ = try app.write("k", "v")
        let tags = try ["application/json", "application/octet-stream"].map { type in
            let read = try app.session.http("GET", "/read/k", headers: ["Accept": type])
            #expect(read.headers["content-type"] == type)
            #expect(read.headers["vary"] == "Accept")
            return read.headers["etag"]
        }
        #expect(tags == (mode == "cp" ? ["\"1\"", "\"1-bytes\""] : [nil, nil]))
    }

    @Test(arguments: ["cp", "ap"])
    func badInputGetsAClearErrorAndChangesNothing(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode, settings: ["MAX_VALUE_BYTES": "1000"])
        let long = String(repeating: "k", count: 513)
        let cases: [(String, String, [String: String], [UInt8], Int, String)] = [
            ("GET", "/read/", [:], [], 400, "bad_key"),
            ("GET", "/read/\(long)", [:], [], 400, "bad_key"),
            ("GET", "/read/%zz", [:], [], 400, "bad_key"),
            ("POST", "/write/k", [:], [UInt8](repeating: 0, count: 1_001), 413, "value_too_large"),
            ("POST", "/write/k/v?ttl_ms=0", [:], [], 400, "bad_ttl_ms"),
            ("PATCH", "/read/k", [:], [], 405, "method_not_allowed"),
            ("GET", "/nothing/here", [:], [], 404, "not_found"),
            ("POST", "/write/k/v", ["If-Match": "3"], [], 400, mode == "cp" ? "bad_precondition" : "not_supported"),
        ]
        for (method, target, headers, body, status, code) in cases {
            let answer = try app.service.http(method, target, headers: headers, body: body)
            #expect(answer.status == status, "\(method) \(target)")
            #expect(answer.string("code") == code, "\(method) \(target)")
        }
        #expect(try app.service.http("PATCH", "/read/k").headers["allow"] == "GET, HEAD, OPTIONS")
        #expect(try app.write("k", "v").status == 200)
    }

    @Test(arguments: ["cp", "ap"])
    func oneConnectionServesManyRequests(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        let client = try HTTPClient(port: app.service.port)
        for number in 0..<50 {
            let written = try client.request("POST", "/write/k/\(number)")
            #expect(written.status == 200)
            let read = try client.request("GET", "/read/k", headers: written.sessionHeaders)
            #expect(read.string("value") == "\(number)")
            #expect(try client.request("HEAD", "/read/k").status == 200)
        }
    }

    @Test func compareAndSetNeedsTheCurrentETag() throws {
        let app = try ServiceOnReplicas.cp()
        let first = try app.write("k", "a", headers: ["If-None-Match": "*"])
        #expect(first.headers["etag"] == "\"1\"")
        #expect(try app.write("k", "b", headers: ["If-Match": "\"1\""]).status == 200)
        let refused = try app.write("k", "c", headers: ["If-Match": "\"1\""])
        #expect(refused.status == 412)
        #expect(refused.string("code") == "precondition_failed")
        #expect(refused.integer("version") == 2)
        #expect(try app.read("k").string("value") == "b")
    }

    @Test(arguments: ["cp", "ap"])
    func everyAnswerNamesItsTrace(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        let headers = ["traceparent": "00-\(trace)-00f067aa0ba902b7-01", "tracestate": "a=1"]
        let own = try app.write("k", "v").headers["traceparent"]
        #expect(own?.hasPrefix("00-") == true && own?.hasSuffix("-00") == true, "no tracer records it")
        let read = try app.session.http("GET", "/read/k", headers: headers)
        #expect(read.headers["traceparent"]?.hasPrefix("00-\(trace)-") == true)
        #expect(read.headers["traceparent"]?.hasSuffix("-01") == true)
        #expect(read.headers["traceparent"] != headers["traceparent"])
        #expect(read.headers["tracestate"] == "a=1")
        for (method, path) in [("GET", "/read/absent"), ("GET", "/nothing"), ("POST", "/write/k/v?ttl_ms=0")] {
            let refused = try app.service.http(method, path, headers: headers)
            #expect(refused.string("trace_id") == trace)
            #expect(refused.headers["traceparent"]?.hasPrefix("00-\(trace)-") == true)
        }
        let accept = ["Accept": "application/openmetrics-text; version=1.0.0"]
        let page = try app.service.http("GET", "/metrics", headers: accept).text
        #expect(page.hasSuffix("# EOF\n"))
        let pattern = #"app_request_latency_seconds_bucket\{mode="\#(mode)",operation="read",le="[^"]+"\} \d+ # "#
        #expect(try page.contains(Regex(pattern + #"\{trace_id="\#(trace)"\} [0-9.e-]+ \d+\.\d+\n"#)))
    }

    @Test(arguments: ["cp", "ap"])
    func everyRequestIsCountedByOperationAndStatus(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        _ = try app.write("k", "v")
        _ = try app.read("k")
        _ = try app.read("absent")
        let page = try app.service.http("GET", "/metrics").text
        #expect(page.contains("app_requests_total{mode=\"\(mode)\",operation=\"write\",status=\"200\"} 1\n"))
        #expect(page.contains("app_requests_total{mode=\"\(mode)\",operation=\"read\",status=\"200\"} 1\n"))
        #expect(page.contains("app_requests_total{mode=\"\(mode)\",operation=\"read\",status=\"404\"} "))
        #expect(page.contains("app_request_latency_seconds_count{mode=\"\(mode)\",operation=\"write\"} 1\n"))
        #expect(!page.contains("trace_id"))
        for node in ["g1", "g2", "g3"] {
            #expect(page.contains("circuit_breaker_state{node=\"\(node)\"} 0\n"))
            #expect(page.contains("data_staleness_ms{node=\"\(node)\"} "))
            #expect(page.contains("db_connection_failures_total{node=\"\(node)\"} 0\n"))
        }
    }
}
