import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct TopologyTests {
    private func links(_ target: String, _ group: GroupName? = nil) throws -> [String: Directions] {
        try links(ControlRequest(command: .partition, target: target, group: group))
    }

    private func links(from: String, to: String, _ group: GroupName? = nil) throws -> [String: Directions] {
        try links(ControlRequest(command: .partition, from: from, to: to, group: group))
    }

    private func links(_ request: ControlRequest) throws -> [String: Directions] {
        let chosen = try request.links(in: .pair)
        return Dictionary(uniqueKeysWithValues: chosen.map { ("\($0.link.service)-\($0.link.replica)", $0.directions) })
    }

    @Test func everyServiceHasALinkToEachReplicaOfItsGroup() {
        #expect(Topology.pair.links.count == 12)
        for link in Topology.pair.links {
            #expect(Topology.pair.node(link.service)?.group == Topology.pair.node(link.replica)?.group)
        }
    }

    @Test func cuttingASiteCutsTheLinksBetweenTheSites() throws {
        let west = try links("west")
        #expect(
            Set(west.keys) == [
                "app_cp-cp_db_g3", "app_ap-ap_db_g3", "app_cp_west-cp_db_g1", "app_cp_west-cp_db_g2",
                "app_ap_west-ap_db_g1", "app_ap_west-ap_db_g2",
            ])
        #expect(west.values.allSatisfy { $0 == .both })
        #expect(try links("east") == west)
    }

    @Test func cuttingANodeCutsAllItsLinks() throws {
        #expect(Set(try links("cp_db_g2").keys) == ["app_cp-cp_db_g2", "app_cp_west-cp_db_g2"])
        #expect(
            Set(try links("app_ap_west").keys) == [
                "app_ap_west-ap_db_g1", "app_ap_west-ap_db_g2", "app_ap_west-ap_db_g3",
            ])
    }

    @Test func aGroupLimitsTheCut() throws {
        #expect(
            Set(try links("west", .cp).keys) == [
                "app_cp-cp_db_g3", "app_cp_west-cp_db_g1", "app_cp_west-cp_db_g2",
            ])
    }

    @Test func aOneWayCutSelectsRequestsAndAnswersInItsDirection() throws {
        let chosen = try links(from: "east", to: "west", .cp)
        #expect(
            chosen == [
                "app_cp-cp_db_g3": .toReplica, "app_cp_west-cp_db_g1": .toService, "app_cp_west-cp_db_g2": .toService,
            ])
        #expect(try links(from: "cp_db_g1", to: "app_cp") == ["app_cp-cp_db_g1": .toService])
    }

    @Test func anUnknownNameIsAnsweredWithTheValidOnes() throws {
        let error = try #require(throws: LabError.self) { try links("nowhere") }
        #expect(error.exitCode == 2)
        #expect(error.message.contains("'nowhere'"))
        for name in ["east", "west"] + Topology.pair.nodes.map(\.name) { #expect(error.message.contains(name)) }
        #expect(throws: error) { try links(from: "east", to: "nowhere") }
    }

    @Test func aCutWithoutALinkIsRejected() {
        #expect(throws: LabError("no link matches: app_cp (group ap)", exitCode: 2)) { try links("app_cp", .ap) }
        #expect(throws: LabError.self) { try links(from: "app_cp", to: "ap_db_g1") }
    }

    @Test func theDrawingShowsWhatPasses() throws {
        func borders(_ request: ControlRequest?, _ mode: FaultMode) throws -> [String] {
            var faults: [Link: LinkFault] = [:]
            for (link, directions) in try request?.links(in: .pair) ?? [] {
                faults[link, default: .none].add(mode, directions)
            }
            return Drawing.sites(.pair, ports: [:]) { faults[$0] ?? .none }
        }
        let west = ControlRequest(command: .partition, target: "west")
        #expect(try borders(nil, .drop).filter { $0.contains("-----") }.count == 4)
        #expect(try borders(west, .drop).filter { $0.contains("   X   ") }.count == 4)
        let available = ControlRequest(command: .partition, target: "west", group: .ap)
        #expect(try borders(available, .reset).filter { $0.contains("   X   ") }.count == 2)
        let oneWay = ControlRequest(command: .partition, from: "west", to: "east")
        #expect(try borders(oneWay, .drop).contains { $0.contains("---->") })
        #expect(try borders(west, .stall).contains { $0.contains("~~~~~") })
    }
}

@Suite(.timeLimit(.minutes(20))) struct LinkFaultTests {
    @Test func validModesAreParsed() {
        #expect(FaultMode("drop") == .drop)
        #expect(FaultMode("reset") == .reset)
        #expect(FaultMode("stall") == .stall)
        #expect(FaultMode("delay=50ms") == .delay(ms: 50))
        #expect(FaultMode("delay=50") == .delay(ms: 50))
        #expect(FaultMode("delay=2s") == .delay(ms: 2_000))
    }

    @Test(arguments: [
        "", "cut", "delay", "delay=", "delay=-5", "delay=ms", "delay=1h", "delay=60001", "delay=61s",
        "delay=99999999999999999999", "DROP",
    ])
    func invalidModesAreRejected(_ text: String) {
        #expect(FaultMode(text) == nil)
    }

    @Test func faultsAccumulateAndAreIdempotent() {
        var fault = LinkFault.none
        fault.add(.drop, .toReplica)
        let once = fault
        fault.add(.drop, .toReplica)
        #expect(fault == once)
        #expect(fault.holds(.toReplica) && !fault.holds(.toService) && !fault.allowsHandshake)
        fault.add(.drop, .toService)
        fault.add(.delay(ms: 20), .both)
        fault.add(.delay(ms: 50), .toService)
        #expect(fault.holds(.toService))
        #expect(fault.summary == "drop, delay requests 20 ms, delay answers 50 ms")
        fault.add(.delay(ms: 0), .both)
        #expect(fault.summary == "drop")
    }

    @Test func aStallHoldsOnlyAnswersAndAcceptsConnections() {
        var fault = LinkFault.none
        fault.add(.stall, .both)
        #expect(fault.holds(.toService) && !fault.holds(.toReplica) && fault.allowsHandshake)
    }
}
