import Foundation
import Glibc
import Testing
import TestSupport

/// Limits per client, seen from outside: the real executables on real replicas.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LimitTests {
    /// Instances with limits, beside one without: that one waits for the group.
    private struct Limited {
        let group: ServiceOnReplicas
        let instances: [ServiceProcess]

        /// - Parameter token: with the scope `metrics`, if requests need one.
        init(_ mode: String, _ count: Int, _ settings: [String: String], token: String? = nil) throws {
            let group = try ServiceOnReplicas.make(mode)
            self.group = group
            instances = try (0..<count).map { _ in
                try ServiceProcess(
                    "app-\(mode)", environment: ServiceOnReplicas.environment(group.servers).merging(settings) { $1 })
            }
            for instance in instances {
                // An instance that does not reach a replica yet would ask the next one.
                guard try eventually({ try Self.reachesAll(instance, token) }) else {
                    throw TestFailure("an instance does not reach all replicas")
                }
            }
        }

        private static func reachesAll(_ instance: ServiceProcess, _ token: String?) throws -> Bool {
            let headers = token.map { ["Authorization": "Bearer \($0)"] } ?? [:]
            let page = try instance.http("GET", "/metrics", headers: headers).text
            return page.matches(of: /db_replica_up\{node="g[123]"\} 1\n/).count == 3
        }

        /// The statuses of requests to one instance after the other.
        func statuses(_ count: Int, headers: [String: String] = [:]) throws -> [Int: Int] {
            var counts: [Int: Int] = [:]
            for number in 0..<count {
                let answer = try instances[number % instances.count].http("GET", "/read/k", headers: headers)
                counts[answer.status, default: 0] += 1
            }
            return counts
        }

        func limitKeys() throws -> [String] {
            try group.servers.flatMap { try $0.cli("KEYS", "cap:limit:*").split(separator: "\n").map(String.init) }
        }
    }

    /// One request per hour: nothing accrues during the test. The long timeout keeps a busy machine from delaying a
    /// replica so long that an instance asks another one, which has a limit of its own.
    private static let settings = [
        "RATE_LIMIT_PER_HOUR": "1", "RATE_LIMIT_BURST": "40", "REPLICA_TIMEOUT_MS": "15000",
    ]

    @Test(arguments: ["cp", "ap"])
    func fourInstancesShareALimitExactly(mode: String) throws {
        let limited = try Limited(mode, 4, Self.settings)
        // The key does not exist.
        #expect(try limited.statuses(100) == [404: 40, 429: 60])
        #expect(try limited.limitKeys().count == 1)
    }

    @Test(arguments: ["cp", "ap"])
    func aRefusedRequestSaysWhenToTryAgain(mode: String) throws {
        let path = NSTemporaryDirectory() + "cap-audit-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let limited = try Limited(
            mode, 1,
            ["RATE_LIMIT_PER_MINUTE": "600", "RATE_LIMIT_PER_HOUR": "1", "RATE_LIMIT_BURST": "2", "AUDIT_LOG": path])
        let service = limited.instances[0]
        let first = try service.http("POST", "/write/k/v")
        #expect(first.status == 200)
        let policy = "\"minute\";q=600;w=60, \"hour\";q=1;w=3600"
        #expect(first.headers["ratelimit-policy"] == policy)
        #expect(first.headers["ratelimit"]?.contains("\"hour\";r=1;t=3600") == true, "\(first.headers)")
        #expect(try service.http("GET", "/no-such-path").status == 404)
        let refused = try service.http("POST", "/write/k/w")
        #expect(refused.status == 429)
        #expect(refused.headers["content-type"] == "application/problem+json")
        #expect(refused.string("code") == "rate_limited")
        #expect(refused.string("outcome") == "not_applied")
        #expect(refused.string("detail") == "more requests per hour than allowed")
        #expect(refused.headers["ratelimit-policy"] == policy)
        #expect(refused.headers["ratelimit"]?.contains("\"hour\";r=0;t=") == true)
        let retryS = try #require(refused.headers["retry-after"].flatMap { Int($0) })
        #expect((3_500...3_601).contains(retryS))
        // A body is refused before it is sent.
        let long = try HTTPClient(port: service.port)
        try long.send(
            Array("POST /write/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n".utf8)
        )
        #expect(try long.answer().status == 429)
        for _ in 0..<20 {
            for open in ["/health/live", "/health/ready", "/metrics"] {
                #expect(try service.http("GET", open).status == 200, "monitoring is not limited")
            }
            #expect(try service.http("OPTIONS", "/read/k").status == 204)
        }
        let metrics = try service.http("GET", "/metrics").text
        #expect(metrics.contains("app_rate_limited_total{window=\"hour\"}"))
        #expect(!metrics.contains("app_rate_limit_calls_total{result=\"answered\"} 0\n"))
        #expect(service.log.contains("RATE_LIMITED"))
        service.signal(SIGTERM)
        _ = service.waitForExit()
        let audit = try String(contentsOfFile: path, encoding: .utf8)
        let codes = audit.matches(of: /"action":"write".*"outcome":"([a-z_]+)"(?:,"code":"([a-z_]+)")?/)
        #expect(
            codes.map { "\($0.1) \($0.2 ?? "")" } == [
                "applied ", "not_applied rate_limited", "not_applied rate_limited",
            ])
        #expect(try limited.group.session.http("GET", "/read/k").string("value") == "v")
    }

    @Test(arguments: ["cp", "ap"])
    func withoutLimitsThereIsNoFieldAndNoCall(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        let answer = try app.write("k", "v")
        #expect(answer.headers["ratelimit"] == nil && answer.headers["ratelimit-policy"] == nil)
        #expect(try app.metrics()["app_rate_limit_calls_total{result=\"answered\"}"] == 0)
        for server in app.servers { #expect(try server.cli("KEYS", "cap:limit:*") == "") }
    }

    @Test func eachTokenHasItsOwnLimit() throws {
        let path = NSTemporaryDirectory() + "cap-tokens-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let tokens = try ["alice", "bob"].map { name in
            let made = try ServiceProcess.run(
                "app-cp", ["token", name, "--scopes", "read,metrics", "--file", path], environment: [:])
            return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let limited = try Limited("cp", 2, Self.settings.merging(["AUTH_TOKENS_FILE": path]) { $1 }, token: tokens[0])
        for token in tokens {
            #expect(try limited.statuses(50, headers: ["Authorization": "Bearer \(token)"]) == [404: 40, 429: 10])
        }
        // Refusals consume the permits of the address. They do not wait for the replicas, so a few more pass.
        #expect(try limited.statuses(40) == [401: 40])
        #expect(try eventually { try limited.statuses(2) == [429: 2] })
    }

    @Test func aRequestThatIsTooLargeOrFromAnotherPageConsumesAPermit() throws {
        let settings = Self.settings.merging(["MAX_VALUE_BYTES": "10"]) { $1 }
        let large = try Limited("cp", 1, settings).instances[0]
        let body = [UInt8](repeating: 0, count: 11)
        func tooLarge() throws -> Int { try large.http("POST", "/write/k", body: body).status }
        #expect(try (0..<40).allSatisfy { _ in try tooLarge() == 413 })
        #expect(try eventually { try tooLarge() == 429 })
        let other = try Limited("ap", 1, settings).instances[0]
        func foreign() throws -> Int {
            try other.http("POST", "/write/k/v", headers: ["Origin": "http://evil.example"]).status
        }
        #expect(try (0..<40).allSatisfy { _ in try foreign() == 403 })
        #expect(try eventually { try foreign() == 429 })
    }

    @Test func behindAProxyEachClientHasItsOwnLimit() throws {
        let limited = try Limited("ap", 2, Self.settings.merging(["TRUSTED_PROXIES": "127.0.0.1"]) { $1 })
        for client in ["198.51.100.7", "2001:db8:1::1"] {
            #expect(try limited.statuses(50, headers: ["X-Forwarded-For": "1.2.3.4, \(client)"]) == [404: 40, 429: 10])
        }
        // The same 64 bits.
        #expect(try limited.statuses(2, headers: ["X-Forwarded-For": "2001:db8:1::2"]) == [429: 2])
        let untrusted = try Limited("ap", 1, Self.settings)
        for number in 0..<45 {
            let answer = try untrusted.statuses(1, headers: ["X-Forwarded-For": "198.51.100.\(number)"])
            #expect(answer == [number < 40 ? 404 : 429: 1], "anybody could claim an address")
        }
    }

    @Test func withoutReplicasAPAnswersWithinTheLimitAndCPRefusesAnyway() throws {
        let ap = try Limited("ap", 1, Self.settings)
        for server in ap.group.servers { server.kill() }
        #expect(try eventually { try ap.instances[0].http("GET", "/health/ready").status == 503 })
        #expect(try ap.statuses(60) == [503: 40, 429: 20])
        let cp = try Limited("cp", 1, Self.settings)
        for server in cp.group.servers.prefix(2) { server.kill() }
        #expect(try eventually { try cp.instances[0].http("GET", "/health/ready").status == 503 })
        #expect(try cp.statuses(60) == [503: 40, 429: 20])
    }

    @Test(arguments: [
        ["RATE_LIMIT_PER_MINUTE": "-1"], ["RATE_LIMIT_PER_HOUR": "100000001"], ["RATE_LIMIT_BURST": "x"],
        ["TRUSTED_PROXIES": "10.0.0.1/8"], ["TRUSTED_PROXIES": "proxy.example"],
    ])
    func anInvalidSettingPreventsTheStart(settings: [String: String]) throws {
        let replicas = ["REPLICAS": "g1=redis://127.0.0.1:1"]
        let result = try ServiceProcess.run("app-cp", [], environment: replicas.merging(settings) { $1 })
        #expect(result.code == 2)
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(result.errors.contains(try #require(settings.keys.first)))
    }
}
