import Foundation
import Glibc
import Testing
import TestSupport

/// Starting and stopping the real executables.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LifecycleTests {
    @Test(arguments: ["app-cp", "app-ap"])
    func aBadSettingIsNamedInOneLineWithExitCodeTwo(name: String) throws {
        for (setting, value) in [("HTTP_PORT", "many"), ("REPLICAS", "g1"), ("LOG_LEVEL", "loud")] {
            let result = try ServiceProcess.run(
                name, [], environment: ["SECRET_KEY": "0123456789abcdef", setting: value])
            #expect(result.code == 2)
            #expect(result.errors.hasPrefix("bad setting: \(setting) "))
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test(arguments: ["app-cp", "app-ap"])
    func allBadSettingsAreNamedAtOnceAndSoIsAMisspeltOne(name: String) throws {
        let environment = ["HTTP_PORT": "many", "LOG_LEVEL": "loud", "AP_WRITE_ACK": "2"]
        let result = try ServiceProcess.run(
            name, ["--check-config"], environment: environment.merging(["SECRET_KEY": "0123456789abcdef"]) { $1 })
        #expect(result.code == 2)
        #expect(
            result.errors == """
                bad setting: HTTP_PORT must be a whole number from 1 to 65535, not 'many'
                bad setting: LOG_LEVEL must be one of trace, debug, info, notice, warning, error, critical, not 'loud'
                bad setting: AP_WRITE_ACK is not a setting; did you mean AP_WRITE_ACKS?

                """)
    }

    @Test(arguments: ["app-cp", "app-ap"])
    func checkConfigPrintsEverySettingAndNoSecret(name: String) throws {
        let result = try ServiceProcess.run(
            name, ["--check-config"],
            environment: [
                "SECRET_KEY": "do-not-show-me-anywhere", "REDIS_PASSWORD": "nor-me",
                "REPLICAS": "g1=redis://user:nor-this@h:1",
            ])
        #expect(result.code == 0)
        #expect(result.output.contains("NETWORK_TIMEOUT_SEC"))
        for secret in ["do-not-show", "nor-me", "nor-this"] { #expect(!result.output.contains(secret)) }
    }

    @Test func admitDistinguishesARejectedReplicaFromOneInUse() throws {
        let app = try ServiceOnReplicas.ap()
        func admit(_ replica: String) throws -> (code: Int32, output: String, errors: String) {
            let environment = ServiceOnReplicas.environment(app.servers)
            return try ServiceProcess.run(
                "app-ap", ["admit", replica],
                environment: environment.merging(["SECRET_KEY": "0123456789abcdef"]) { $1 })
        }
        let idle = try admit("g1")
        #expect(idle.code == 0)
        #expect(idle.output == "app-ap: g1 is not rejected: there is nothing to admit\n")
        // The state of a replica that was restarted weeks later and refused.
        try app.servers[1].cli("HSET", "cap:identity", "run_id", "before", "too_old", "1")
        let admitted = try admit("g2")
        #expect(admitted.code == 0)
        #expect(admitted.output == "app-ap: g2 is admitted\n")
        #expect(try app.servers[1].cli("HEXISTS", "cap:identity", "too_old") == "0")
        let unknown = try admit("g9")
        #expect(unknown.code == 1)
        #expect(unknown.errors == "app-ap: cannot admit: REPLICAS names no 'g9'\n")
    }

    @Test func aPortInUseIsOneLineWithExitCodeOne() throws {
        let app = try ServiceOnReplicas.ap()
        let result = try ServiceProcess.run(
            "app-ap", [],
            environment: ServiceOnReplicas.environment(app.servers).merging([
                "HTTP_PORT": "\(app.service.port)", "SECRET_KEY": "0123456789abcdef",
            ]) { $1 })
        #expect(result.code == 1)
        #expect(result.errors.contains("already in use"))
    }

    @Test(arguments: ["app-cp", "app-ap"])
    func aProbeExitsWithZeroOnlyIfTheServiceAnswers200(name: String) throws {
        let service = try ServiceProcess(name, environment: ["REPLICAS": "g1=redis://127.0.0.1:1"])
        func probe(_ arguments: [String]) throws -> (code: Int32, output: String) {
            let result = try ServiceProcess.run(
                name, ["probe"] + arguments, environment: ["HTTP_PORT": "\(service.port)"])
            return (result.code, result.output)
        }
        #expect(try probe(["/health/live"]) == (0, "HTTP/1.1 200 OK\n"))
        // Its replica does not answer.
        #expect(try probe([]) == (1, "HTTP/1.1 503 Service Unavailable\n"))
        #expect(try probe(["--port", "1", "/health/live"]) == (1, "no answer from port 1\n"))
        #expect(try probe(["health"]).code == 2)
    }

    @Test func initRunsOnceIfAFileSaysThatItRan() throws {
        let servers = try (0..<3).map { _ in try RedisServer() }
        let mark = FileManager.default.temporaryDirectory.appendingPathComponent("group-made-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: mark) }
        func start() throws -> (code: Int32, output: String, errors: String) {
            try ServiceProcess.run(
                "app-cp", ["init", "--once", mark], environment: ServiceOnReplicas.environment(servers))
        }
        #expect(try start().output.contains("is initialised (g1, g2, g3)"))
        // All data is lost. The command alone could not tell this from a new group.
        for server in servers { try server.cli("FLUSHALL") }
        #expect(try start() == (0, "app-cp: the group was initialised before (\(mark))\n", ""))
        #expect(try servers[0].cli("DBSIZE") == "0")
    }

    /// A mark that cannot be made would let every later start initialise the group again.
    @Test func initDoesNothingIfItCannotMarkThatItRan() throws {
        let servers = try (0..<3).map { _ in try RedisServer() }
        for mark in ["/nowhere/group-made", "/", "/dev/null/x", ""] {
            let result = try ServiceProcess.run(
                "app-cp", ["init", "--once", mark], environment: ServiceOnReplicas.environment(servers))
            #expect(result.code == (mark.isEmpty ? 2 : 1), "\(mark)")
            #expect(try servers[0].cli("DBSIZE") == "0", "\(mark)")
        }
    }

    @Test(arguments: ["cp", "ap"], [SIGTERM, SIGINT])
    func aSignalStopsTheServiceWithExitCodeZero(mode: String, number: Int32) throws {
        let app = try ServiceOnReplicas.make(mode)
        _ = try app.write("k", "v")
        app.service.signal(number)
        let (code, log) = app.service.waitForExit()
        #expect(code == 0)
        #expect(log.contains("\"event\":\"SERVICE_START\""))
        #expect(log.contains("\"event\":\"SERVICE_STOP\""))
        #expect(log.split(separator: "\n").allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    }

    /// As with `nohup`, and with a shell that starts the service in the background.
    @Test(arguments: ["cp", "ap"])
    func signalsThatWereInheritedAsIgnoredStayIgnored(mode: String) throws {
        let service = try ServiceProcess(
            "app-\(mode)", environment: ["REPLICAS": "g1=redis://127.0.0.1:1"], ignoredSignals: ["HUP", "INT"])
        for number in [SIGHUP, SIGINT] { service.signal(number) }
        #expect(try service.http("GET", "/health/live").status == 200)
        service.signal(SIGTERM)
        let (code, log) = service.waitForExit()
        #expect(code == 0)
        let stops = log.split(separator: "\n").filter { $0.contains("\"msg\":\"stopping\"") }
        #expect(stops.count == 1)
        #expect(stops.first?.uppercased().contains("SIGTERM") == true)
    }

    /// The handlers are installed before the service listens.
    @Test(arguments: ["cp", "ap"])
    func aSignalJustAfterTheFirstConnectionStopsTheServiceCleanly(mode: String) throws {
        for number in [SIGTERM, SIGINT, SIGHUP, SIGTERM, SIGTERM] {
            let service = try ServiceProcess(
                "app-\(mode)", environment: ["REPLICAS": "g1=redis://127.0.0.1:1"], waitsForHealth: false)
            service.signal(number)
            let (code, log) = service.waitForExit()
            #expect(code == 0)
            #expect(log.contains("\"msg\":\"stopped\""))
        }
    }

    /// Waits until one request is in flight. The gauge is set between requests, so a scrape does not count itself.
    private func isUnderWay(_ app: ServiceOnReplicas) throws -> Bool {
        try eventually { try app.service.http("GET", "/metrics").text.contains("app_requests_in_flight 1\n") }
    }

    @Test func anInFlightRequestIsFinishedBeforeTheStop() throws {
        let app = try ServiceOnReplicas.cp(settings: ["NETWORK_TIMEOUT_SEC": "3", "REPLICA_TIMEOUT_MS": "3000"])
        _ = try app.write("k", "v")
        app.servers[0].pause()
        app.servers[1].pause()
        let client = try HTTPClient(port: app.service.port)
        try client.send(Array("GET /read/k HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        #expect(try isUnderWay(app))
        app.service.signal(SIGTERM)
        app.servers[0].resume()
        app.servers[1].resume()
        #expect(try client.answer().string("value") == "v")
        #expect(app.service.waitForExit().code == 0)
    }

    @Test func aSecondSignalStopsAtOnce() throws {
        let app = try ServiceOnReplicas.cp(
            settings: ["NETWORK_TIMEOUT_SEC": "60", "REPLICA_TIMEOUT_MS": "60000", "STOP_GRACE_MS": "600000"])
        app.servers[0].pause()
        app.servers[1].pause()
        let client = try HTTPClient(port: app.service.port)
        try client.send(Array("GET /read/k HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        #expect(try isUnderWay(app))
        app.service.signal(SIGTERM)
        #expect(eventually { (try? app.service.http("GET", "/health/live")) == nil })
        #expect(app.service.isRunning)
        app.service.signal(SIGTERM)
        #expect(app.service.waitForExit().code == 130)
    }
}
