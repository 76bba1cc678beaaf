import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct SeenFaultsTests {
    private static let secondNs: UInt64 = 1_000_000_000
    private let topology = Topology.pair

    /// The labels of the detected faults.
    private func labels(_ faults: SeenFaults) -> [String] {
        let links = Dictionary(uniqueKeysWithValues: topology.links.map { ($0, faults.fault(of: $0)) })
        let conditions = Dictionary(uniqueKeysWithValues: topology.nodes.map { ($0.name, faults.condition(of: $0)) })
        return FaultDetector(topology, knowsDirections: false).faults(links, conditions).map(\.label)
    }

    private var westLinks: [Link] {
        topology.links.filter { topology.node($0.service)?.site != topology.node($0.replica)?.site }
    }

    @Test func aCutThatShowsLinkByLinkGetsOneName() {
        var faults = SeenFaults()
        var nowNs = 10 * Self.secondNs
        var seen: Set<String> = []
        var view = SeenFaults.View()
        for link in westLinks {
            view.unreached.insert(link)
            faults.note(view, atNs: nowNs)
            seen.formUnion(labels(faults))
            nowNs += Self.secondNs / 4
        }
        for _ in 0..<8 {
            faults.note(view, atNs: nowNs)
            seen.formUnion(labels(faults))
            nowNs += Self.secondNs / 4
        }
        #expect(seen == ["west unreachable"])
        faults.note(SeenFaults.View(), atNs: nowNs)
        #expect(labels(faults) == ["west unreachable"])
        faults.note(SeenFaults.View(), atNs: nowNs + Self.secondNs)
        #expect(labels(faults).isEmpty)
    }

    @Test func aFaultThatChangesAllTheTimeIsShownAtTheLatestAfterThreeSeconds() {
        var faults = SeenFaults()
        let flapping = Link(service: "app_ap", replica: "ap_db_g2")
        for step in 0...UInt64(12) {
            let isUnreached = step.isMultiple(of: 2)
            let view = SeenFaults.View(silent: ["cp_db_g1"], unreached: isUnreached ? [flapping] : [])
            faults.note(view, atNs: step * Self.secondNs / 4)
        }
        #expect(labels(faults).contains("cp_db_g1 does not answer"))
    }

    @Test func aGlitchIsNoFault() {
        var faults = SeenFaults()
        faults.note(SeenFaults.View(silent: ["app_cp"]), atNs: Self.secondNs)
        faults.note(SeenFaults.View(), atNs: Self.secondNs + 500_000_000)
        faults.note(SeenFaults.View(), atNs: 9 * Self.secondNs)
        #expect(labels(faults).isEmpty)
    }

    @Test func aSilentNodeExplainsItsLinks() {
        var faults = SeenFaults()
        let view = SeenFaults.View(
            silent: ["cp_db_g1"], unreached: Set(topology.links.filter { $0.replica == "cp_db_g1" }))
        faults.note(view, atNs: Self.secondNs)
        faults.note(view, atNs: 2 * Self.secondNs)
        #expect(labels(faults) == ["cp_db_g1 does not answer"])
        #expect(faults.condition(of: topology.nodes[0]) == .running)
    }
}
