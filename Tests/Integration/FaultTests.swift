import EventLoop
import Glibc
import Testing
import TestSupport

@testable import CapLab

/// Faults of replicas and connections, with the real executables. They include the problems that users of webdis
/// reported.
@Suite(.serialized, .timeLimit(.minutes(20))) struct FaultTests {
    private func breaker(_ app: ServiceOnReplicas, _ node: Int) throws -> String? {
        let all = try app.service.http("GET", "/circuit-breaker").objects("breakers")
        return all[node]["state"] as? String
    }

    private func isWhole(_ app: ServiceOnReplicas) throws -> Bool {
        try app.service.http("GET", "/health").string("status") == "ok"
    }

    /// The `detail` of an answer, in lower case and without the final full stop, because only `app-ap` writes a
    /// sentence.
    private func detail(of answer: HTTPAnswer) throws -> String {
        let detail = try #require(answer.string("detail")).lowercased()
        return detail.hasSuffix(".") ? String(detail.dropLast()) : detail
    }

    @Test(arguments: ["cp", "ap"])
    func aKilledReplicaFailsNoRequestAndRejoins(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        _ = try app.write("k", "before")
        app.servers[0].kill()
        for number in 0..<50 {
            #expect(try app.write("k", "\(number)").status == 200)
            #expect(try app.read("k").string("value") == "\(number)")
        }
        #expect(try eventually { try breaker(app, 0) == "OPEN" })
        #expect(try app.service.http("GET", "/health").status == 200)
        #expect(try app.service.http("GET", "/health").string("status") == "degraded")
        try app.servers[0].start()
        #expect(try eventually { try isWhole(app) })
        #expect(try breaker(app, 0) == "CLOSED")
        #expect(try app.read("k").string("value") == "49")
    }

    @Test(arguments: ["cp", "ap"])
    func aStoppedReplicaIsDetectedAlthoughItAcceptsConnections(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        _ = try app.write("k", "before")
        app.servers[0].pause()
        for number in 0..<20 { #expect(try app.write("k", "\(number)").status == 200) }
        #expect(try eventually { try breaker(app, 0) != "CLOSED" })
        #expect(try app.read("k").string("value") == "19")
        app.servers[0].resume()
        #expect(try eventually { try isWhole(app) })
    }

    @Test(arguments: ["cp", "ap"])
    func aReplicaThatIsDownHasOneLinePerChangeInTheLog(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode, settings: ["BREAKER_MAX_OPEN_MS": "250"])
        app.servers[0].kill()
        let failures = #"db_connection_failures_total{node="g1"}"#
        #expect(try eventually { try app.metrics()[failures] ?? 0 >= 12 })
        try app.servers[0].start()
        #expect(try eventually { try isWhole(app) })
        app.service.signal(SIGTERM)
        let log = app.service.waitForExit().log.split(separator: "\n").filter { $0.contains("\"node\":\"g1\"") }
        func count(_ event: String) -> Int { log.filter { $0.contains("\"event\":\"\(event)\"") }.count }
        // There is one line per reason. While Redis starts, it first refuses connections and then loads its data.
        #expect((1...4).contains(count("DB_CONNECT_FAILURE")), "\(log)")
        // The breaker opens and closes. It may also close for a moment in between.
        #expect((2...4).contains(count("CIRCUIT_BREAKER_STATE_CHANGE")), "\(log)")
        #expect((2...3).contains(count("REPLICA_UP")), "\(log)")
    }

    @Test(arguments: ["cp", "ap"])
    func aReplicaThatIsDownOrRejectsCommandsIsNoPartition(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        app.servers[0].kill()
        #expect(try eventually { try breaker(app, 0) == "OPEN" })
        try app.servers[0].start()
        #expect(try eventually { try isWhole(app) })
        try app.servers[1].cli("CONFIG", "SET", "requirepass", "another")
        try app.servers[1].cli("-a", "another", "CLIENT", "KILL", "TYPE", "normal")
        #expect(try eventually { try breaker(app, 1) == "OPEN" })
        for (path, list) in [("/replicas", "replicas"), ("/health", "checks")] {
            let replica = try app.service.http("GET", path).objects(list)[1]
            #expect(replica["error"] as? String == "it rejected PING: the password is missing or wrong")
        }
        try app.servers[1].cli("-a", "another", "CONFIG", "SET", "requirepass", "")
        #expect(try eventually { try isWhole(app) })
        app.servers[2].pause()
        // `app-ap` suspects a partition only after several probes.
        #expect(eventually { app.service.log.contains("PARTITION_SUSPECTED") })
        app.servers[2].resume()
        #expect(eventually { app.service.log.contains("PARTITION_HEALED") })
        let log = app.service.log.split(separator: "\n")
        func nodes(_ event: String) -> [String] {
            log.filter { $0.contains("\"event\":\"\(event)\"") }.compactMap {
                $0.firstMatch(of: /"node":"(g[1-3])"/).map { String($0.1) }
            }
        }
        #expect(nodes("REPLICA_DOWN") == ["g1"])
        #expect(Set(nodes("PARTITION_SUSPECTED")) == ["g3"])
        #expect(Set(nodes("PARTITION_HEALED")) == ["g3"])
        #expect(log.contains { $0.contains("CIRCUIT_BREAKER_STATE_CHANGE") && $0.contains("it rejected PING: NOAUTH") })
    }

    @Test(arguments: ["cp", "ap"])
    func theStateOfTheServersIsInTheMetricsAndFailuresStartAtZero(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        let start = try app.metrics()
        for code in ["no_quorum", "no_replica", "overloaded", "timeout", "bad_reply", "replica_full"] {
            #expect(start["app_refusals_total{mode=\"\(mode)\",code=\"\(code)\"}"] == 0)
        }
        #expect(start[#"circuit_breaker_changes_total{node="g1",to="OPEN"}"#] == 0)
        if mode == "ap" {
            #expect(start[#"ap_anti_entropy_runs_total{node="g1",result="failed"}"#] == 0)
            #expect(start[#"ap_handoff_keys_total{node="g1",peer="g2"}"#] != nil)
        }
        #expect(try eventually { try app.metrics()[#"redis_aof_ok{node="g1"}"#] == 1 })
        let known = try app.metrics()
        #expect(known[#"redis_memory_used_bytes{node="g1"}"#] ?? 0 > 100_000)
        #expect(known[#"redis_memory_max_bytes{node="g1"}"#] == .infinity)
        #expect(known[#"redis_last_dump_timestamp_seconds{node="g1"}"#] ?? 0 > 1.7e9)
        let client = try HTTPClient(port: app.service.port)
        _ = try client.request("GET", "/health/live", headers: [:], body: [])
        #expect(try eventually { try app.metrics()[#"app_connections{state="idle"}"#] ?? 0 >= 1 })
    }

    @Test func cpWithoutAMajorityRejectsRequests() throws {
        let app = try ServiceOnReplicas.cp()
        _ = try app.write("k", "a")
        app.servers[0].kill()
        app.servers[1].kill()
        #expect(try eventually { try app.write("k", "b").string("outcome") == "not_applied" })
        let refused = try app.write("k", "b")
        #expect(refused.status == 503)
        #expect(refused.string("code") == "no_quorum")
        #expect(refused.headers["retry-after"] == "1")
        #expect(try app.read("k").status == 503)
        #expect(try app.service.http("GET", "/health/ready").status == 503)
        #expect(try app.service.http("GET", "/health/live").status == 200)
        try app.servers[0].start()
        #expect(try eventually { try app.read("k").status == 200 })
        #expect(try app.write("k", "c").status == 200)
    }

    @Test func apAnswersWhileOneReplicaDoes() throws {
        let app = try ServiceOnReplicas.ap()
        _ = try app.write("k", "a")
        app.servers[1].kill()
        app.servers[2].kill()
        for number in 0..<20 {
            #expect(try app.write("k", "\(number)").status == 200)
            #expect(try app.read("k").string("value") == "\(number)")
        }
        let before = try app.read("k").integer("staleness_ms") ?? 0
        #expect(try eventually { try app.read("k").integer("staleness_ms") ?? 0 > before + 500 })
        try app.servers[1].start()
        try app.servers[2].start()
        // Restarted replicas are new incarnations: their staleness is unknown until anti-entropy has compared all
        // records.
        #expect(try eventually { try isWhole(app) && app.read("k").integer("staleness_ms") ?? 10_000 < 1_000 })
        #expect(try app.read("k").string("value") == "19")
    }

    @Test(arguments: ["cp", "ap"])
    func aScriptFlushFailsNoRequest(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        _ = try app.write("k", "a")
        for server in app.servers { try server.cli("SCRIPT", "FLUSH") }
        #expect(try app.write("k", "b").status == 200)
        #expect(try app.read("k").string("value") == "b")
    }

    @Test(arguments: ["cp", "ap"])
    func aRedisKeyOfAnotherTypeFailsOnlyThatKey(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        for server in app.servers { try server.cli("SET", "\(mode):k", "not a hash") }
        let refused = try app.write("k", "a")
        #expect(refused.status == 503)
        #expect(refused.string("code") == "bad_reply")
        #expect(refused.string("outcome") == "not_applied")
        #expect(try detail(of: refused) == "a replica rejected the command: the key holds something else")
        #expect(try app.read("k").status == 503)
        #expect(try app.write("other", "a").status == 200)
    }

    @Test(arguments: ["cp", "ap"])
    func fullReplicasAreReportedWithoutTheServersWords(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        for server in app.servers { try server.cli("CONFIG", "SET", "maxmemory", "1000") }
        let refused = try app.write("k", "a")
        #expect(refused.status == 503)
        #expect(refused.string("code") == "replica_full")
        #expect(refused.string("outcome") == "not_applied")
        #expect(try detail(of: refused) == "a replica rejected the command: its memory or disk is full")
        for server in app.servers { try server.cli("CONFIG", "SET", "maxmemory", "0") }
        #expect(try eventually { try app.write("k", "b").status == 200 })
    }

    @Test(arguments: ["cp", "ap"])
    func replicasThatRejectWritesOrAreRefusedAreInTheMetrics(mode: String) throws {
        let app = try ServiceOnReplicas.make(mode)
        let writable = "\(mode)_replica_writable"
        #expect(try eventually { try app.total(writable) == 3 })
        #expect(try app.total("db_replica_refused") == 0)
        try app.servers[0].cli("ACL", "SETUSER", "default", mode == "cp" ? "-hincrby" : "-mset")
        #expect(try eventually { try app.metrics()["\(writable){node=\"g1\"}"] == 0 })
        #expect(try app.total(writable) == 2)
        try app.servers[1].cli("HSET", "cap:identity", "group", "other")
        try app.servers[1].cli("CLIENT", "KILL", "TYPE", "normal")
        #expect(try eventually { try app.metrics()["db_replica_refused{node=\"g2\"}"] == 1 })
        #expect(try app.total("db_replica_refused") == 1)
    }

    @Test func cpIsNotReadyWhileTwoReplicasRejectWrites() throws {
        let app = try ServiceOnReplicas.cp()
        for server in app.servers.prefix(2) { try server.cli("ACL", "SETUSER", "default", "-hincrby", "-hset") }
        #expect(try eventually { try app.service.http("GET", "/health/ready").status == 503 })
        let ready = try app.service.http("GET", "/health/ready")
        #expect(ready.string("code") == "bad_reply")
        #expect(ready.string("detail")?.contains("g1: the service lacks a permission") == true)
        #expect(try app.service.http("GET", "/health").string("status") == "unavailable")
        #expect(try app.service.http("GET", "/health/live").status == 200)
        let replicas = try app.service.http("GET", "/replicas").objects("replicas")
        #expect(replicas.map { $0["writable"] as? Bool } == [false, false, true])
        #expect(try app.write("k", "a").status == 503)
        for server in app.servers.prefix(2) { try server.cli("ACL", "SETUSER", "default", "+@all") }
        #expect(try eventually { try app.service.http("GET", "/health/ready").status == 200 })
        #expect(try app.write("k", "b").status == 200)
    }

    @Test(arguments: ["cp", "ap"])
    func halfOpenConnectionsAndSlowReplicasDelayNoRequest(mode: String) async throws {
        let servers = try (0..<3).map { _ in try RedisServer() }
        let lab = try ReactorRunner(name: "relay")
        let relay = RelayBox()
        let relayPort = try await lab.run { [reactor = lab.reactor, port = servers[0].port] in
            let made = try Relay(Link(service: "app", replica: "g1"), replicaPort: port, on: reactor)
            relay.relay = made
            return made.port
        }
        let replicas = "g1=redis://127.0.0.1:\(relayPort),g2=\(servers[1].url),g3=\(servers[2].url)"
        if mode == "cp" {
            let result = try ServiceProcess.run("app-cp", ["init"], environment: ["REPLICAS": replicas])
            #expect(result.code == 0)
        }
        let service = try ServiceProcess("app-\(mode)", environment: ["REPLICAS": replicas])
        let session = ClientSession(service)
        let isWhole = { try service.http("GET", "/health").string("status") == "ok" }
        #expect(try eventually(isWhole))
        for mode in [FaultMode.drop, .stall, .delay(ms: 700)] {
            var fault = LinkFault.none
            fault.add(mode, .both)
            try await lab.run { [fault] in relay.relay?.apply(fault) }
            for number in 0..<20 {
                #expect(try session.write("k", "\(number)").status == 200)
                #expect(try session.read("k").string("value") == "\(number)")
            }
            #expect(try eventually { try !isWhole() })
            try await lab.run { relay.relay?.apply(.none) }
            #expect(try eventually(isWhole))
        }
        try await lab.run { relay.relay?.close() }
    }
}

/// Holds the relay. Safe because only closures on the thread of its reactor use it.
private final class RelayBox: @unchecked Sendable {
    var relay: Relay?
}
