import Glibc
import TestSupport
import Testing

@testable import CapLab

/// Commands that control a running lab from a second terminal.
@Suite(.serialized, .timeLimit(.minutes(20))) struct LabCommandTests {
    /// Returns true if a service reaches a replica through its link.
    private func reaches(_ service: String, _ id: String, in lab: LabProcess) throws -> Bool {
        let client = try HTTPClient(port: try lab.node(service).port, timeoutMs: 10_000)
        return try client.request("GET", "/ping/\(id)").status == 200
    }

    @Test func aPartitionCutsTheLinksBetweenTheSitesUntilTheHeal() throws {
        let lab = try LabProcess()
        #expect(try reaches("app_cp", "g3", in: lab))
        for _ in 1...2 {
            let result = try lab.caplab("partition", "west")
            #expect(result.exitCode == 0)
            #expect(result.output == "partition west: drop on 6 links\n")
        }
        #expect(try !reaches("app_cp", "g3", in: lab))
        #expect(try reaches("app_cp", "g1", in: lab))
        #expect(try !reaches("app_ap_west", "g2", in: lab))
        #expect(try reaches("app_ap_west", "g3", in: lab))
        #expect(try lab.status().links.filter { $0.state == "drop" }.count == 6)
        for _ in 1...2 { #expect(try lab.caplab("heal").output == "healed everything: 12 links open\n") }
        #expect(try reaches("app_cp", "g3", in: lab))
        #expect(try reaches("app_ap_west", "g2", in: lab))
    }

    @Test func groupsModesAndDirectionsSelectTheirLinks() throws {
        let lab = try LabProcess()
        func states() throws -> [String: String] {
            let links = try lab.status().links.filter { $0.state != "open" }
            return Dictionary(uniqueKeysWithValues: links.map { ("\($0.service)-\($0.replica)", $0.state) })
        }
        try lab.caplab("partition", "cp_db_g2", "--mode", "stall")
        #expect(try states() == ["app_cp-cp_db_g2": "stall", "app_cp_west-cp_db_g2": "stall"])
        try lab.caplab("heal", "cp_db_g2")
        try lab.caplab("partition", "east", "--group", "ap", "--mode", "delay=50ms")
        #expect(
            try states() == [
                "app_ap-ap_db_g3": "delay 50 ms", "app_ap_west-ap_db_g1": "delay 50 ms",
                "app_ap_west-ap_db_g2": "delay 50 ms",
            ])
        try lab.caplab("heal", "west")
        try lab.caplab("partition", "--from", "app_cp", "--to", "west")
        #expect(try states() == ["app_cp-cp_db_g3": "drop requests"])
    }

    @Test func aWrongRequestExitsWithTwoAndOneLine() throws {
        let lab = try LabProcess()
        for arguments in [
            ["partition", "nowhere"], ["partition", "west", "--mode", "melt"], ["partition"], ["pause", "nowhere"],
            ["partition", "--from", "east"], ["redis", "app_cp"], ["heal", "nowhere"],
        ] {
            let result = try LabProcess.run([arguments[0], "--run-dir", lab.runDirectory] + arguments.dropFirst())
            #expect(result.exitCode == 2)
            #expect(result.errorLines.count == 1)
        }
        #expect(try lab.caplab("partition", "nowhere").errors.contains("valid names: east, west, app_cp, app_ap,"))
    }

    @Test func withoutALabEveryCommandExitsWithOne() throws {
        let directory = try ScratchDirectory()
        for arguments in [["status"], ["heal"], ["partition", "west"], ["pause", "app_cp"], ["redis", "cp_db_g1"]] {
            let result = try LabProcess.run([arguments[0], "--run-dir", directory.path] + arguments.dropFirst())
            #expect(result.exitCode == 1)
            #expect(result.errorLines.count == 1)
            #expect(result.errors.contains("no lab is running"))
        }
    }

    @Test func aKilledReplicaRestartsOnItsPortWithItsData() throws {
        let lab = try LabProcess()
        let before = try lab.node("cp_db_g1")
        try lab.caplab("redis", "cp_db_g1", "SET", "k", "v")
        #expect(try lab.caplab("kill", "cp_db_g1").exitCode == 0)
        #expect(try lab.caplab("kill", "cp_db_g1").exitCode == 0)
        #expect(try lab.node("cp_db_g1").state == "killed by signal 9")
        #expect(try !reaches("app_cp", "g1", in: lab))
        #expect(try lab.caplab("start", "cp_db_g1").exitCode == 0)
        let after = try lab.node("cp_db_g1")
        #expect(after.state == "running" && after.port == before.port && after.pid != before.pid)
        #expect(try lab.caplab("redis", "cp_db_g1", "GET", "k").output == "v\n")
        #expect(try reaches("app_cp", "g1", in: lab))
    }

    @Test func aKilledServiceRestartsDuringAPartition() throws {
        let lab = try LabProcess()
        let port = try lab.node("app_cp_west").port
        try lab.caplab("partition", "west")
        try lab.caplab("kill", "app_cp_west")
        #expect(try lab.caplab("start", "app_cp_west").exitCode == 0)
        #expect(try lab.node("app_cp_west").port == port)
    }

    @Test func aPausedProcessIsReportedAndCanBeResumed() throws {
        let lab = try LabProcess()
        for _ in 1...2 { #expect(try lab.caplab("pause", "ap_db_g1").exitCode == 0) }
        #expect(try lab.node("ap_db_g1").state == "paused")
        #expect(try !reaches("app_ap", "g1", in: lab))
        #expect(try lab.caplab("start", "ap_db_g1").errors.contains("caplab resume ap_db_g1"))
        for _ in 1...2 { #expect(try lab.caplab("resume", "ap_db_g1").exitCode == 0) }
        #expect(try reaches("app_ap", "g1", in: lab))
        try lab.caplab("kill", "ap_db_g1")
        #expect(try lab.caplab("pause", "ap_db_g1").exitCode == 1)
    }

    @Test func aProcessThatExitsByItselfIsReported() throws {
        let lab = try LabProcess()
        let pid = try #require(try lab.node("app_ap").pid)
        kill(pid, SIGKILL)
        #expect(lab.prints("app_ap killed by signal 9"))
        #expect(lab.prints("caplab start app_ap"))
    }

    @Test func invalidInputOnTheControlSocketIsRejected() throws {
        let lab = try LabProcess()
        for text in ["nonsense", "\n", String(repeating: "x", count: 100_000), ""] {
            let descriptor = ControlSocket.make()
            defer { close(descriptor) }
            let path = RunDirectory(path: lab.runDirectory).socketPath
            #expect(ControlSocket.withAddress(path) { connect(descriptor, $0, $1) } == 0)
            let bytes = Array(text.utf8)
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            shutdown(descriptor, Int32(SHUT_WR))
            #expect(ControlSocket.receive(ControlReply.self, from: descriptor)?.exitCode == 2)
        }
        #expect(try lab.caplab("status").output.contains("app_cp_west"))
    }

    @Test func withoutRelaysNothingCanBeCut() throws {
        let lab = try LabProcess(nil, ["--free-ports", "--direct"])
        #expect(try reaches("app_cp", "g3", in: lab))
        let result = try lab.caplab("partition", "west")
        #expect(result.exitCode == 1)
        #expect(result.errors.contains("--direct"))
        #expect(try lab.caplab("status").output.contains("no relays"))
    }
}
