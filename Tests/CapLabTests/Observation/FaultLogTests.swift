import EventLoop
import TestSupport
import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct FaultLogTests {
    private let topology = Topology.pair
    private var detector: FaultDetector { FaultDetector(topology) }

    /// The faults of the links after a partition.
    private func links(
        _ target: String? = nil, from: String? = nil, to: String? = nil, group: GroupName? = nil,
        mode: FaultMode = .drop, onto links: [Link: LinkFault] = [:]
    ) throws -> [Link: LinkFault] {
        let request = ControlRequest(command: .partition, target: target, from: from, to: to, group: group)
        var links = links
        for (link, directions) in try request.links(in: topology) { links[link, default: .none].add(mode, directions) }
        return links
    }

    private func labels(_ links: [Link: LinkFault], _ conditions: [String: NodeCondition] = [:]) -> [String] {
        detector.faults(links, conditions).map { "\($0.kind) \($0.target): \($0.label)" }
    }

    @Test func aCutSiteIsOneFault() throws {
        #expect(try labels(links("west")) == ["cut west: west cut"])
        #expect(try labels(links("east")) == ["cut west: west cut"])
        #expect(try labels(links("west", mode: .reset)) == ["cut west: west cut"])
        #expect(try labels(links("west", group: .cp)) == ["cut west: west cut, CP only"])
    }

    @Test func aCutNodeOrLinkIsNamed() throws {
        #expect(try labels(links("cp_db_g1")) == ["cut cp_db_g1: cp_db_g1 cut"])
        let link = Link(service: "app_ap", replica: "ap_db_g2")
        var fault = LinkFault.none
        fault.add(.drop, .both)
        #expect(labels([link: fault]) == ["cut app_ap>ap_db_g2: app_ap>ap_db_g2 cut"])
    }

    @Test func oneWayAndSlowFaultsAreTold() throws {
        #expect(try labels(links(from: "east", to: "west")) == ["oneWay east>west: east to west lost"])
        #expect(try labels(links("west", mode: .delay(ms: 200))) == ["slow west: west +200 ms"])
        let stalled = try links("ap_db_g3", mode: .stall)
        #expect(labels(stalled) == ["oneWay ap_db_g3: from ap_db_g3 lost"])
    }

    @Test func withoutDirectionsNothingIsCalledCut() throws {
        let seen = FaultDetector(topology, knowsDirections: false).faults(try links("west"), [:])
        #expect(seen.map { "\($0.kind) \($0.target): \($0.label)" } == ["unreachable west: west unreachable"])
    }

    @Test func faultsAddUp() throws {
        let both = try links("west", mode: .delay(ms: 50), onto: try links("cp_db_g1"))
        let conditions: [String: NodeCondition] = [
            "ap_db_g1": .paused, "app_ap": .ended, "app_cp": .running, "cp_db_g2": .unreachable,
        ]
        #expect(
            Set(labels(both, conditions)) == [
                "cut cp_db_g1: cp_db_g1 cut", "slow west: west +50 ms", "paused ap_db_g1: ap_db_g1 paused",
                "down app_ap: app_ap down", "down cp_db_g2: cp_db_g2 does not answer",
            ])
        #expect(labels([:]).isEmpty)
    }

    // MARK: The log

    private final class NoSink: EventSink {
        func publish(_ name: StaticString, _ json: [UInt8]) {}
    }

    private func withLog(_ body: @escaping @Sendable (FaultLog, FaultDetector) throws -> Void) async throws {
        let runner = try ReactorRunner()
        try await runner.run { [reactor = runner.reactor] in
            let lab = Lab(LabSettings(runDirectory: "/nowhere"), on: reactor)
            try body(FaultLog(lab, NoSink()), FaultDetector(lab.topology))
        }
    }

    @Test func aFaultHasABeginningAndAnEnd() async throws {
        let cut = detector.faults(try links("west"), [:])
        try await withLog { log, _ in
            #expect(log.note(cut, atUs: 1_000))
            #expect(!log.note(cut, atUs: 2_000))
            #expect(log.note([], atUs: 3_000))
            #expect(log.note(cut, atUs: 4_000))
            #expect(log.entries.map(\.fromUs) == [1_000, 4_000])
            #expect(log.entries.map(\.toUs) == [3_000, nil])
            #expect(log.entries.map(\.id) == [1, 2])
        }
    }

    @Test func aChangedDelayBeginsAnew() async throws {
        let before = detector.faults(try links("west", mode: .delay(ms: 50)), [:])
        let after = detector.faults(try links("west", mode: .delay(ms: 90)), [:])
        try await withLog { log, _ in
            #expect(log.note(before, atUs: 1_000))
            #expect(log.note(after, atUs: 2_000))
            #expect(log.entries.map(\.fault.label) == ["west +50 ms", "west +90 ms"])
            #expect(log.entries.map(\.fromUs) == [1_000, 2_000])
            #expect(log.entries.map(\.toUs) == [2_000, nil])
        }
    }

    @Test func faultsThatEndedLongAgoAreForgotten() async throws {
        let cut = detector.faults(try links("west"), [:])
        try await withLog { log, _ in
            for round in 0..<1_000 { _ = log.note(round.isMultiple(of: 2) ? cut : [], atUs: Int64(round)) }
            #expect(log.entries.count <= 200)
            _ = log.note(cut, atUs: 5_000)
            _ = log.note(cut, atUs: 70_000_000)
            #expect(log.entries.count == 1 && log.entries[0].toUs == nil)
        }
    }
}
