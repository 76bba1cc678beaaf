import EventLoop
import Foundation
import Glibc
import TestSupport
import Testing

@testable import CapLab

/// Start and stop with real redis-servers.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LabLifecycleTests {
    private let runner: ReactorRunner

    init() throws { runner = try ReactorRunner() }

    private func left(_ traces: Traces) async throws -> [String] {
        try await runner.run { [reactor = runner.reactor] in await traces.left(reactor) }
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func aStoppedLabLeavesNothingBehind(_ number: Int32) async throws {
        let lab = try LabProcess()
        let traces = try lab.traces()
        // Ten nodes and the sweeper.
        #expect(traces.processes.count == 11)
        #expect(lab.stop(number) == 0)
        #expect(try await left(traces) == [])
    }

    /// As with `nohup`, and with a shell that starts `caplab up` in the background.
    @Test func signalsThatWereInheritedAsIgnoredDoNotStopALab() async throws {
        let lab = try LabProcess(ignoredSignals: ["HUP", "INT", "CHLD"])
        let traces = try lab.traces()
        for number in [SIGHUP, SIGINT] { kill(lab.process.processIdentifier, number) }
        // If the lab handled the signals, it would do so before it answers this command.
        #expect(try lab.status().nodes.allSatisfy { $0.state == "running" })
        #expect(!lab.page.contains("stopping"))
        #expect(lab.stop(SIGTERM) == 0)
        #expect(lab.prints("stopping (SIGTERM)"))
        #expect(!lab.page.contains("SIGHUP") && !lab.page.contains("SIGINT"))
        #expect(try await left(traces) == [])
    }

    @Test func aKilledLabLeavesNothingBehind() async throws {
        let lab = try LabProcess(nil, ["--free-ports", "--service-env", "IGNORES_TERM=1"])
        try lab.caplab("pause", "cp_db_g1")
        try lab.caplab("pause", "app_ap_west")
        let traces = try lab.traces()
        _ = lab.stop(SIGKILL)
        #expect(try await left(traces) == [])
    }

    @Test func childrenInheritOnlyTheirInputAndLog() throws {
        let lab = try LabProcess()
        #expect(access("/proc/\(lab.process.processIdentifier)/fd/9", F_OK) == 0)
        let pid = try #require(try lab.node("app_ap").pid)
        let directory = "/proc/\(pid)/fd"
        for descriptor in try FileManager.default.contentsOfDirectory(atPath: directory) where Int32(descriptor)! > 2 {
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(descriptor)")
            // The descriptors are the listening socket, and connections to a client or a replica.
            #expect(target.hasPrefix("socket:"))
        }
    }

    @Test func aSecondSignalKillsProcessesThatIgnoreTheFirst() async throws {
        let lab = try LabProcess(nil, ["--free-ports", "--service-env", "IGNORES_TERM=1"])
        let traces = try lab.traces()
        kill(lab.process.processIdentifier, SIGINT)
        #expect(lab.prints("stopping (SIGINT)"))
        #expect(lab.stop(SIGINT) == 0)
        #expect(try await left(traces) == [])
    }

    @Test func aLabRunsTwiceInARowOnTheSamePorts() throws {
        let directory = try ScratchDirectory()
        let free = try Ports.free(11)
        let nodes = zip(Topology.pair.nodes, free).flatMap { ["--port", "\($0.name)=\($1.port)"] }
        let ports = nodes + ["--page-port", "\(free[10].port)"]
        // The reservations keep other tests and labs from the ports while this lab does not run.
        try withExtendedLifetime(free) {
            for _ in 1...2 {
                let lab = try LabProcess(directory, ports)
                #expect(try lab.status().nodes.allSatisfy { $0.state == "running" })
                #expect(lab.stop() == 0)
            }
        }
    }

    @Test func aSecondLabIsRejectedAndTheFirstContinues() throws {
        let lab = try LabProcess()
        let second = try lab.caplab("up", "--free-ports", "--bin-dir", lab.directory.path)
        #expect(second.exitCode == 1)
        #expect(second.errorLines.count == 1)
        #expect(second.errors.contains("a lab is already running as process \(lab.process.processIdentifier)"))
        #expect(try lab.status().nodes.allSatisfy { $0.state == "running" })
    }

    @Test func aTakenPortIsReportedInOneLineAndNothingIsStarted() throws {
        let directory = try ScratchDirectory()
        try StandIn.install(in: directory.path)
        let listener = try Sockets.listen(port: 0)
        defer { close(listener) }
        let port = Sockets.localPort(listener)
        let result = try LabProcess.run([
            "up", "--bin-dir", directory.path, "--run-dir", directory.path + "/run", "--data-dir",
            directory.path + "/data", "--free-ports", "--port", "app_ap=\(port)",
        ])
        #expect(result.exitCode == 1)
        #expect(result.errorLines.count == 1)
        #expect(result.errors.contains("port \(port) for app_ap is taken, held by "))
        #expect(result.errors.contains("(pid \(getpid()))"))
        #expect(access(directory.path + "/run", F_OK) != 0)
        #expect(access(directory.path + "/data", F_OK) != 0)
    }

    @Test(arguments: [
        ("INIT_FAILS=1", "app-cp init exited 1: the replicas are not blank"),
        ("EXITS_AT_START=app_ap_west", "app_ap_west exited 3: HTTP_PORT is wrong"),
    ])
    func aFailedStartReportsTheReasonAndLeavesNothingBehind(_ setting: String, _ reason: String) throws {
        let directory = try ScratchDirectory()
        try StandIn.install(in: directory.path)
        let result = try LabProcess.run([
            "up", "--bin-dir", directory.path, "--run-dir", directory.path + "/run", "--data-dir",
            directory.path + "/data", "--free-ports", "--service-env", setting,
        ])
        #expect(result.exitCode == 1)
        #expect(result.errorLines.count == 1)
        #expect(result.errors.contains(reason))
        #expect(access(directory.path + "/run", F_OK) != 0)
        // No process may still have a working directory in the kept data.
        for pid in try FileManager.default.contentsOfDirectory(atPath: "/proc") where pid_t(pid) != nil {
            let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
            #expect(place?.hasPrefix(directory.path) != true)
        }
    }

    @Test func missingServicesAreReportedInOneLine() throws {
        let directory = try ScratchDirectory()
        let result = try LabProcess.run(["up", "--bin-dir", directory.path, "--run-dir", directory.path + "/run"])
        #expect(result.exitCode == 1)
        #expect(result.errorLines.count == 1)
        #expect(result.errors.contains("app-cp is not in \(directory.path)"))
    }

    @Test func keptDataIsAvailableInTheNextRun() throws {
        let directory = try ScratchDirectory()
        let arguments = ["--free-ports", "--data-dir", directory.path + "/data"]
        let first = try LabProcess(directory, arguments)
        #expect(try first.caplab("redis", "cp_db_g3", "SET", "k", "kept").output == "OK\n")
        #expect(first.stop() == 0)
        let second = try LabProcess(directory, arguments)
        #expect(try second.caplab("redis", "cp_db_g3", "GET", "k").output == "kept\n")
    }

    @Test func replicasHaveTheDocumentedConfigurationAndNoPasswordOnACommandLine() throws {
        let lab = try LabProcess(nil, ["--free-ports", "--redis-cp-arg", "--maxmemory 64mb"])
        let expected = [
            ("cp_db_g1", "appendfsync", "always"), ("cp_db_g1", "maxmemory", "67108864"),
            ("ap_db_g2", "appendfsync", "everysec"), ("ap_db_g2", "maxmemory", "0"),
            ("ap_db_g2", "maxmemory-policy", "noeviction"), ("cp_db_g3", "appendonly", "yes"),
            ("cp_db_g3", "save", ""), ("cp_db_g3", "bind", "127.0.0.1"),
            ("cp_db_g3", "no-appendfsync-on-rewrite", "no"),
        ]
        for (node, setting, value) in expected {
            #expect(try lab.caplab("redis", node, "CONFIG", "GET", setting).output == "\(setting)\n\(value)\n")
        }
        let reply = try ControlSocket.ask(
            ControlRequest(command: .redis, target: "cp_db_g1"), in: RunDirectory(path: lab.runDirectory))
        let password = try #require(reply.redis?.password)
        #expect(password.count == 32)
        for process in try lab.traces().processes {
            let line = try String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8)
            #expect(!line.isEmpty && !line.contains(password))
        }
    }
}
