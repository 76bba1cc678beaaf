import Foundation
import Glibc
import Testing
import TestSupport

/// Access control of the real executables, with requests like those of curl and browsers.
@Suite(.serialized, .timeLimit(.minutes(20))) struct AccessTests {
    @Test(arguments: ["cp", "ap"])
    func anotherHostIsMisdirected(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode, settings: ["ALLOWED_HOSTS": "kv.example,.wide.example"])
        let client = try HTTPClient(port: app.service.port)
        for (host, status) in [
            ("kv.example", 200), ("a.wide.example:80", 200), ("127.0.0.1", 200), ("localhost:1", 200),
            ("evil.example", 421), ("kv.example.evil.example", 421), ("", 421), ("10.0.0.1", 421),
        ] {
            for path in ["/health/live", "/metrics", "/replicas"] {
                try client.send(Array("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8))
                let answer = try client.answer()
                #expect(answer.status == status, "\(host) \(path)")
                if status == 421 { #expect(answer.string("code") == "unknown_host") }
            }
        }
        try client.send(Array("GET http://evil.example/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8))
        #expect(try client.answer().status == 421)
    }

    @Test(arguments: ["cp", "ap"])
    func aForeignPageChangesNothing(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        _ = try app.write("k", "v")
        for headers in [["Origin": "http://evil.example"], ["Origin": "null"], ["Sec-Fetch-Site": "cross-site"]] {
            for (method, path) in [("POST", "/write/k/w"), ("DELETE", "/delete/k"), ("POST", "/write/k")] {
                let answer = try app.session.http(method, path, headers: headers)
                #expect(answer.status == 403)
                #expect(answer.string("code") == "cross_origin")
                #expect(answer.string("outcome") == "not_applied")
            }
        }
        let read = try app.session.http("GET", "/read/k", headers: ["Origin": "http://evil.example"])
        #expect(read.string("value") == "v")
        #expect(read.headers["access-control-allow-origin"] == nil, "the browser does not show it to the page")
        #expect(read.headers["x-content-type-options"] == "nosniff")
        #expect(read.headers["cross-origin-resource-policy"] == "same-origin")
    }

    @Test(arguments: ["cp", "ap"])
    func tokensDecideWhoMayDoWhat(mode: String) throws {
        let tokens = try Tokens()
        let reader = try tokens.make("reader", "read")
        let writer = try tokens.make("writer", "read,write", "--key-prefix", "mine%2F")
        let operatorToken = try tokens.make("operator", "admin,metrics")
        let app = try ServiceOnReplicas.make(mode, settings: ["AUTH_TOKENS_FILE": tokens.path], token: operatorToken)
        func status(_ method: String, _ path: String, _ token: String?) throws -> Int {
            let headers = token.map { ["Authorization": "Bearer \($0)"] } ?? [:]
            return try app.session.http(method, path, headers: headers).status
        }
        for (method, path) in [
            ("POST", "/write/k/v"), ("GET", "/read/k"), ("DELETE", "/delete/k"), ("GET", "/metrics"),
            ("GET", "/health"), ("GET", "/replicas"), ("GET", "/circuit-breaker"),
        ] {
            #expect(try status(method, path, nil) == 401, "\(path)")
            #expect(try status(method, path, "wrong") == 401, "\(path)")
        }
        for path in ["/health/live", "/health/ready"] { #expect(try status("GET", path, nil) == 200) }
        #expect(try status("POST", "/write/mine%2Fk/v", writer) == 200)
        #expect(try status("POST", "/write/k/v", writer) == 403)
        #expect(try status("GET", "/read/k", writer) == 403)
        #expect(try status("GET", "/read/mine%2Fk", writer) == 200)
        #expect(try status("GET", "/read/mine%2Fk", reader) == 200)
        #expect(try status("POST", "/write/mine%2Fk/w", reader) == 403)
        #expect(try status("DELETE", "/delete/mine%2Fk", reader) == 403)
        for path in ["/metrics", "/health", "/replicas", "/circuit-breaker"] {
            #expect(try status("GET", path, operatorToken) == 200, "\(path)")
            #expect(try status("GET", path, reader) == 403, "\(path)")
        }
        let missing = try app.session.http("GET", "/read/k")
        #expect(missing.headers["www-authenticate"]?.hasPrefix("Bearer realm=") == true)
        let refused = try app.session.http("POST", "/write/k/v", headers: ["Authorization": "Bearer \(reader)"])
        #expect(refused.string("code") == "insufficient_scope")
        #expect(refused.string("detail")?.contains("'write'") == true)
        #expect(refused.headers["www-authenticate"]?.contains("scope=\"write\"") == true)
    }

    /// There is no interruption, because the new token is accepted before the old one is removed.
    @Test func tokensAreReplacedWhileTheServiceRuns() throws {
        let tokens = try Tokens()
        let old = try tokens.make("alice", "metrics,admin")
        let app = try ServiceOnReplicas.make("cp", settings: ["AUTH_TOKENS_FILE": tokens.path], token: old)
        func status(_ token: String) throws -> Int {
            try app.session.http("GET", "/metrics", headers: ["Authorization": "Bearer \(token)"]).status
        }
        #expect(try status(old) == 200)
        let new = try tokens.make("alice", "metrics,admin")
        #expect(eventually { (try? status(new)) == 200 }, "the change is noticed")
        #expect(try status(old) == 200)
        try tokens.write("this is no line of tokens\n")
        #expect(eventually { app.service.log.contains("CREDENTIALS_REJECTED") })
        #expect(try status(new) == 200, "an invalid file changes nothing")
        try tokens.write("# nobody\n")
        app.service.signal(SIGHUP)
        #expect(eventually { (try? status(new)) == 401 })
        #expect(try app.session.http("GET", "/health/live").status == 200, "SIGHUP did not stop it")
    }

    @Test(arguments: ["app-cp", "app-ap"])
    func aServiceOfOthersNeedsAuthentication(program: String) throws {
        func run(_ settings: [String: String]) throws -> (code: Int32, text: String) {
            let result = try ServiceProcess.run(program, ["--check-config"], environment: settings)
            return (result.code, result.output + result.errors)
        }
        let common = ["SECRET_KEY": "9f86d081884c7d659a2feaa0c55ad015", "HTTP_BIND": "0.0.0.0"]
        let refused = try run(common)
        #expect(refused.code == 2)
        #expect(refused.text.contains("ALLOW_UNAUTHENTICATED"))
        #expect(try run(common.merging(["ALLOW_UNAUTHENTICATED": "true"]) { $1 }).code == 0)
        let tokens = try Tokens()
        _ = try tokens.make("a", "read")
        #expect(try run(common.merging(["AUTH_TOKENS_FILE": tokens.path]) { $1 }).code == 0)
        #expect(try run(common.merging(["AUTH_TOKENS_FILE": "/nowhere"]) { $1 }).code == 2)
    }

    @Test func anAuditTrailThatCannotBeWrittenPreventsTheStart() throws {
        let settings = ["REPLICAS": "g1=redis://127.0.0.1:1", "HTTP_PORT": "1", "AUDIT_LOG": "/nowhere/audit"]
        let result = try ServiceProcess.run("app-cp", [], environment: settings)
        #expect(result.code == 2)
        #expect(result.errors.contains("AUDIT_LOG") && result.errors.split(separator: "\n").count == 1)
    }

    @Test(arguments: ["cp", "ap"])
    func theAuditTrailSaysWhoDidWhat(mode: String) throws {
        let tokens = try Tokens()
        let writer = try tokens.make("writer", "read,write", "--key-prefix", "mine")
        let operatorToken = try tokens.make("operator", "admin,metrics")
        let path = NSTemporaryDirectory() + "cap-audit-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let app = try ServiceOnReplicas.make(
            mode, settings: ["AUTH_TOKENS_FILE": tokens.path, "AUDIT_LOG": path], token: operatorToken)
        func send(_ method: String, _ path: String, _ token: String, _ further: [String: String] = [:]) throws -> Int {
            let headers = ["Authorization": "Bearer \(token)"].merging(further) { $1 }
            return try app.session.http(method, path, headers: headers).status
        }
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        #expect(try send("POST", "/write/mine/v", writer, ["traceparent": trace]) == 200)
        #expect(try send("POST", "/write/other/v", writer) == 403)
        #expect(try send("POST", "/write/mine/v", "wrong") == 401)
        #expect(try send("GET", "/read/mine", writer) == 200)
        #expect(try send("DELETE", "/delete/mine", writer) == 200)
        #expect(try send("DELETE", "/delete/mine", writer) == 404)
        #expect(try send("POST", "/write/mine?ttl_ms=0", writer) == 400)
        app.service.signal(SIGTERM)
        _ = app.service.waitForExit()
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = try text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let told = lines.map { line in
            ["action", "client", "key", "outcome", "code"].compactMap { line[$0] as? String }.joined(separator: " ")
        }
        #expect(
            told == [
                "start success", "write writer mine applied", "refuse writer failure key",
                "write writer other not_applied key_not_permitted", "refuse 127.0.0.1 failure token",
                "authenticate writer success", "delete writer mine applied", "delete writer mine not_applied",
                "write writer mine not_applied bad_ttl_ms", "stop success",
            ])
        #expect(lines[1]["trace_id"] as? String == "4bf92f3577b34da6a3ce929d0e0e4736")
        let traces = lines[2..<(lines.count - 1)].compactMap { $0["trace_id"] as? String }
        #expect(traces.count == lines.count - 3, "every line about a request")
        #expect(traces[0] == traces[1] && Set(traces).count == traces.count - 1, "two lines are about one request")
        #expect(!text.contains(writer) && !text.contains("wrong"))
    }

    /// One line for each change, also if it never reaches its handler.
    @Test func theAuditTrailHasEveryChangeThatWasRefused() throws {
        let path = NSTemporaryDirectory() + "cap-audit-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let app = try ServiceOnReplicas.make(
            "cp", settings: ["AUDIT_LOG": path, "MAX_VALUE_BYTES": "10", "MAX_REQUESTS_IN_FLIGHT": "1"])
        let service = app.service
        #expect(try service.http("POST", "/write/k?ttl=5").status == 400)
        #expect(try service.http("DELETE", "/delete/k?x=1").status == 400)
        #expect(try service.http("GET", "/read/k?x=1").status == 400, "a read is no change")
        #expect(try service.http("POST", "/write/k", body: Array("eleven byte".utf8)).status == 413)
        let chunked = try HTTPClient(port: service.port)
        try chunked.send(
            Array(
                "POST /write/c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nb\r\neleven byte\r\n0\r\n\r\n"
                    .utf8))
        #expect(try chunked.answer().status == 413)
        // Its body is outstanding, so it is in flight.
        let slow = try HTTPClient(port: service.port)
        try slow.send(Array("POST /write/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n".utf8))
        #expect(try eventually { try service.http("POST", "/write/full/v").status == 503 })
        try slow.send([0])
        #expect(try slow.answer().status == 200)
        service.signal(SIGTERM)
        _ = service.waitForExit()
        let lines = try changes(in: path).filter { !$0.hasSuffix("write full applied") }
        #expect(
            lines == [
                "write k not_applied unknown_parameter", "delete k not_applied unknown_parameter",
                "write k not_applied value_too_large", "write c not_applied value_too_large",
                "write full not_applied overloaded", "write slow applied",
            ])
    }

    @Test func theAuditTrailSaysThatAStopCutOffAChange() throws {
        let path = NSTemporaryDirectory() + "cap-audit-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let app = try ServiceOnReplicas.make(
            "cp",
            settings: [
                "AUDIT_LOG": path, "NETWORK_TIMEOUT_SEC": "60", "REPLICA_TIMEOUT_MS": "60000", "STOP_GRACE_MS": "0",
            ])
        for server in app.servers { server.pause() }
        let client = try HTTPClient(port: app.service.port)
        try client.send(Array("POST /write/k/v HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        #expect(
            try eventually { try app.service.http("GET", "/metrics").text.contains(/app_requests_in_flight [1-9]/) })
        app.service.signal(SIGTERM)
        let answer = try client.answer()
        #expect(answer.string("code") == "stopping" && answer.string("outcome") == "unknown")
        _ = app.service.waitForExit()
        #expect(try changes(in: path) == ["write k unknown stopping"])
    }

    @Test func theAuditTrailHasEveryReplacementOfTheCertificate() throws {
        let files = try TLSFiles()
        let path = NSTemporaryDirectory() + "cap-audit-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let app = try ServiceOnReplicas.make(
            "cp", settings: files.settings.merging(["AUDIT_LOG": path]) { $1 }, trust: files.trust())
        try files.replacePair()
        app.service.signal(SIGHUP)
        #expect(eventually { app.service.log.contains("CERTIFICATE_REPLACED") })
        try files.write(Array("no certificate".utf8), "pair.pem")
        app.service.signal(SIGHUP)
        #expect(eventually { app.service.log.contains("CERTIFICATE_REJECTED") })
        app.service.signal(SIGTERM)
        _ = app.service.waitForExit()
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let outcomes = text.matches(of: /"action":"replace_certificate","outcome":"([a-z]+)"/).map { String($0.1) }
        #expect(outcomes.first == "success" && outcomes.last == "failure", "\(text)")
    }

    @Test(arguments: ["app-cp", "app-ap"])
    func secretsThatOthersCanReadAreReported(program: String) throws {
        let tokens = try Tokens()
        _ = try tokens.make("a", "read")
        let settings = ["SECRET_KEY": "9f86d081884c7d659a2feaa0c55ad015", "AUTH_TOKENS_FILE": tokens.path]
        let quiet = try ServiceProcess.run(program, ["--check-config"], environment: settings)
        #expect(quiet.code == 0 && quiet.errors.isEmpty, "\(quiet.errors)")
        chmod(tokens.path, 0o644)
        let warned = try ServiceProcess.run(program, ["--check-config"], environment: settings)
        #expect(warned.code == 0)
        #expect(
            warned.errors == "warning: the file of AUTH_TOKENS_FILE has mode 644: other users have access to it\n")
        let service = try ServiceProcess(
            program, environment: settings.merging(["REPLICAS": "g1=redis://127.0.0.1:1"]) { $1 })
        #expect(eventually { service.log.contains("SECRET_EXPOSED") })
        #expect(service.log.contains("the file of AUTH_TOKENS_FILE has mode 644"))
    }

    /// The lines of the audit trail about changes: action, key, outcome and code.
    private func changes(in path: String) throws -> [String] {
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        return lines.filter { ["write", "delete"].contains($0["action"] as? String) }.map { line in
            ["action", "key", "outcome", "code"].compactMap { line[$0] as? String }.joined(separator: " ")
        }
    }

    /// A token file. The service's own executable makes its tokens.
    private final class Tokens {
        let path: String

        init() throws {
            path = NSTemporaryDirectory() + "cap-tokens-\(UUID().uuidString)"
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func make(_ name: String, _ scopes: String, _ further: String...) throws -> String {
            let result = try ServiceProcess.run(
                "app-cp", ["token", name, "--scopes", scopes, "--file", path] + further, environment: [:])
            #expect(result.code == 0, "\(result.errors)")
            return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        func write(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }
    }
}
