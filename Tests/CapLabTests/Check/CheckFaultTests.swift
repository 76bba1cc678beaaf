import EventLoop
import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct CheckFaultTests {
    private func faults(_ count: Int, seed: UInt64, _ group: GroupName = .cp) -> [CheckFault] {
        var random = SplitMix64(seed: seed, stream: 0)
        return (0..<count).map { _ in CheckFault.random(&random, group: group, topology: .pair) }
    }

    @Test func aSeedDeterminesTheFaults() {
        #expect(faults(100, seed: 7) == faults(100, seed: 7))
        #expect(faults(100, seed: 7) != faults(100, seed: 8))
        var own = SplitMix64(seed: 7, stream: 1)
        var other = SplitMix64(seed: 7, stream: 2)
        #expect(own.next() != other.next())
    }

    @Test(arguments: GroupName.allCases) func everyKindOfFaultOccursInItsGroupOnly(_ group: GroupName) {
        let faults = faults(1_000, seed: 1, group)
        #expect(Set(faults.map(\.kind)).count == FaultKind.allCases.count)
        for fault in faults {
            #expect(fault.links.isEmpty != (fault.node == nil))
            #expect(fault.links.allSatisfy { $0.value != .none })
            for name in fault.links.keys.map(\.service) + fault.links.keys.map(\.replica)
                + [fault.node].compactMap(\.self)
            {
                #expect(Topology.pair.node(name)?.group == group)
            }
        }
    }

    @Test func aFaultAffectsItsLinks() {
        let faults = faults(1_000, seed: 1)
        let cut = faults.first { $0.kind == .cut }
        #expect(cut?.affects(Link(service: "app_cp", replica: "cp_db_g3")) == true)
        #expect(cut?.affects(Link(service: "app_cp", replica: "cp_db_g1")) == false)
        let kill = faults.first { $0.kind == .killReplica && $0.node == "cp_db_g2" }
        #expect(kill?.affects(Link(service: "app_cp_west", replica: "cp_db_g2")) == true)
        #expect(kill?.affects(Link(service: "app_cp_west", replica: "cp_db_g1")) == false)
    }

    @Test func theLastReachableReplicaOfAServiceIsNotCutOff() throws {
        let services = Topology.pair.services.filter { $0.group == .ap }
        let all: Set = ["ap_db_g1", "ap_db_g2", "ap_db_g3"]
        var rule = ReachRule(
            topology: .pair, services: services, usable: ["app_ap": all, "app_ap_west": all])
        let faults = faults(1_000, seed: 1, .ap)
        let cut = try #require(faults.first { $0.kind == .cut })
        let kill = try #require(faults.first { $0.kind == .killReplica && $0.node == "ap_db_g3" })
        #expect(rule.holds(under: [cut]))
        #expect(rule.holds(under: [kill]))
        // During the cut, the west reaches only g3.
        #expect(!rule.holds(under: [cut, kill]))
        // A replica that the service does not yet report as reachable does not count.
        rule.usable["app_ap_west"] = ["ap_db_g1"]
        #expect(!rule.holds(under: [cut]))
        rule.down = ["app_ap_west"]
        #expect(rule.holds(under: [cut]))
    }

    @Test func faultsOfOneLinkAccumulate() {
        var cut = LinkFault.none
        cut.add(.drop, .toReplica)
        var slow = LinkFault.none
        slow.add(.delay(ms: 20), .both)
        #expect(cut.combined(with: slow).summary == "drop requests, delay 20 ms")
        #expect(LinkFault.none.combined(with: .none) == .none)
    }

    @Test func aKeyIsReplacedAndALastingOneLater() {
        var keys = KeyRing(prefix: "k", lasting: 1, shortLived: 1, usesPerKey: 10)
        var random = SplitMix64(seed: 1, stream: 1)
        for _ in 0..<200 {
            let key = keys.draw(&random)
            #expect(keys.all.contains(key))
        }
        #expect(keys.all.starts(with: ["k0", "k1", "k1-1", "k1-2"]))
        #expect(Set(keys.all).count == keys.all.count)
    }

    @Test func aFaultIsDescribedInOneLine() {
        var cut = LinkFault.none
        cut.add(.drop, .toReplica)
        let links = [Link(service: "app_ap", replica: "ap_db_g3"): cut]
        #expect(
            CheckFault(kind: .oneWayCut, links: links, durationMs: 1).text
                == "one-way cut: app_ap - ap_db_g3 (drop requests)")
        #expect(CheckFault(kind: .killReplica, node: "ap_db_g1", durationMs: 1).text == "Redis killed: ap_db_g1")
    }

    @Test func theLongestGapIsReportedPerSite() {
        var tally = CheckTally(startNs: 0)
        tally.note("read", "ok", site: .east, isSuccess: true, atNs: 1_000_000_000)
        tally.note("read", "ok", site: .east, isSuccess: true, atNs: 1_500_000_000)
        tally.note("read", "unknown", site: .west, isSuccess: false, atNs: 1_500_000_000)
        tally.end(atNs: 4_000_000_000)
        #expect(tally.gapText(.east) == "2.5 s")
        #expect(tally.gapText(.west) == "4.0 s")
        #expect(tally.table(outcomes: ["ok", "unknown"]) == "operation  ok  unknown\nread       2   1")
    }
}
