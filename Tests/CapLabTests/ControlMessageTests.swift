import Foundation
import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct ControlMessageTests {
    private func parse(_ text: String) throws -> ControlRequest {
        try JSONDecoder().decode(ControlRequest.self, from: Data(text.utf8))
    }

    @Test func aRequestIsJSON() throws {
        let request = try parse(#"{"command":"partition","target":"west","group":"cp","mode":"delay=50ms"}"#)
        #expect(request == ControlRequest(command: .partition, target: "west", group: .cp, mode: "delay=50ms"))
        #expect(try request.faultMode() == .delay(ms: 50))
        #expect(request.place == "west (group cp)")
    }

    @Test(arguments: [
        "", "{", "[]", "null", #"{"command":"format"}"#, #"{"target":"west"}"#, #"{"command":"heal","group":"xp"}"#,
        #"{"command":"heal","target":7}"#, "\u{0}\u{1}",
    ])
    func anInvalidRequestIsRejected(_ text: String) throws {
        #expect(throws: DecodingError.self) { try parse(text) }
    }

    @Test func healWithoutATargetHealsEverythingAndPartitionNeedsATarget() throws {
        #expect(try ControlRequest(command: .heal).links(in: .pair).count == 12)
        let error = try #require(throws: LabError.self) { try ControlRequest(command: .partition).links(in: .pair) }
        #expect(error.exitCode == 2)
    }

    @Test func fromAndToGoTogetherAndNotWithATarget() throws {
        let oneWay = ControlRequest(command: .partition, from: "east", to: "west")
        #expect(oneWay.place == "from east to west")
        #expect(try oneWay.links(in: .pair).count == 6)
        #expect(throws: LabError.self) { try ControlRequest(command: .partition, from: "east").links(in: .pair) }
        #expect(throws: LabError.self) {
            try ControlRequest(command: .partition, target: "west", from: "east", to: "west").links(in: .pair)
        }
    }

    @Test func aLinkIsChosenByItsName() throws {
        let request = ControlRequest(command: .partition, link: "app_cp>cp_db_g3", mode: "stall")
        #expect(request.place == "app_cp>cp_db_g3")
        let chosen = try request.links(in: .pair)
        #expect(chosen.map(\.link.id) == ["app_cp>cp_db_g3"])
        #expect(chosen.map(\.directions) == [.both])
        #expect(try ControlRequest(command: .heal, link: "app_ap>ap_db_g1").links(in: .pair).count == 1)
        for wrong in [
            ControlRequest(command: .partition, link: "app_cp>ap_db_g1"),
            ControlRequest(command: .partition, target: "west", link: "app_cp>cp_db_g3"),
            ControlRequest(command: .partition, from: "east", to: "west", link: "app_cp>cp_db_g3"),
            ControlRequest(command: .partition, link: "app_cp>cp_db_g3", group: .ap),
        ] {
            #expect(try #require(throws: LabError.self) { try wrong.links(in: .pair) }.exitCode == 2)
        }
    }

    @Test func aModeThatAffectsBothDirectionsIsRejectedOneWay() {
        for mode in ["reset", "stall"] {
            let request = ControlRequest(command: .partition, from: "east", to: "west", mode: mode)
            #expect(throws: LabError.self) { try request.faultMode() }
        }
    }

    @Test func anUnknownModeIsAnsweredWithTheValidOnes() throws {
        let error = try #require(throws: LabError.self) {
            try ControlRequest(command: .partition, target: "west", mode: "melt").faultMode()
        }
        #expect(error.exitCode == 2)
        #expect(error.message.contains("'melt'") && error.message.contains("stall"))
    }

    @Test func theStatusKeepsItsMemberNames() throws {
        let status = LabStatus(
            pid: 7, dataDirectory: "/d",
            nodes: [.init(name: "app_cp", group: .cp, site: .east, kind: "service", state: "running", pid: 8, port: 9)],
            links: [
                .init(
                    service: "app_cp", replica: "cp_db_g1", state: "open", port: 1, connections: 2, heldBytes: 3,
                    bytesFromService: 4, bytesFromReplica: 5)
            ])
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(status.json.utf8)) as? [String: Any])
        let node = try #require((json["nodes"] as? [[String: Any]])?.first)
        let link = try #require((json["links"] as? [[String: Any]])?.first)
        #expect(node["port"] as? Int == 9)
        #expect(link["held_bytes"] as? Int == 3)
        #expect(link["bytes_from_service"] as? Int == 4)
        #expect(link["bytes_from_replica"] as? Int == 5)
        #expect(json["data_directory"] as? String == "/d")
    }

    @Test func theTablesShowNodesAndLinks() {
        let status = LabStatus(
            pid: 7, dataDirectory: "/d",
            nodes: [
                .init(
                    name: "cp_db_g1", group: .cp, site: .east, kind: "replica", state: "killed by signal 9", pid: nil,
                    port: 9)
            ], links: [])
        let lines = StatusCommand.text(status).split(separator: "\n")
        #expect(lines[0].hasPrefix("NODE"))
        #expect(lines[1] == "cp_db_g1  east  killed by signal 9  -    9")
    }
}
