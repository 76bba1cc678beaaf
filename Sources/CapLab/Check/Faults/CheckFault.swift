import EventLoop

/// The faults of a check.
enum FaultKind: String, CaseIterable, Sendable {
    case cut = "two-way cut"
    case oneWayCut = "one-way cut"
    case someLinksCut = "some links cut"
    case reset = "connections reset"
    case stall = "answers stalled"
    case delay = "slow links"
    case pauseReplica = "Redis paused"
    case killReplica = "Redis killed"
    case pauseService = "service paused"
    case killService = "service killed"
}

/// One fault: its kind, the links or process that it affects, and its duration.
struct CheckFault: Equatable, Sendable {
    let kind: FaultKind
    /// The faults of each affected link.
    var links: [Link: LinkFault] = [:]
    /// The process that is paused or killed; nil for a fault of links.
    var node: String?
    /// Time until the heal, or until a killed process is started again.
    var durationMs: UInt64

    /// True if the fault affects this link or the process of its replica.
    func affects(_ link: Link) -> Bool { links[link] != nil || node == link.replica }

    /// The fault as text, such as "Redis killed: ap_db_g1" or "slow links: app_ap - ap_db_g3 (delay 20 ms)".
    var text: String {
        let faults = links.sorted { $0.key < $1.key }.map {
            "\($0.key.service) - \($0.key.replica) (\($0.value.summary))"
        }
        return "\(kind.rawValue): " + (faults + [node].compactMap(\.self)).joined(separator: ", ")
    }

    /// A random fault of the nodes and links of one group.
    static func random(_ random: inout SplitMix64, group: GroupName, topology: Topology) -> CheckFault {
        let kind = FaultKind.allCases.randomElement(using: &random) ?? .cut
        var fault = CheckFault(kind: kind, durationMs: random.milliseconds(200...2_500))
        let links = topology.links.filter { topology.node($0.service)?.group == group }
        switch kind {
        case .cut:
            fault.add(.drop, .both, on: crossing(links, topology))
        case .oneWayCut:
            let source: Site = random.isTrue(percent: 50) ? .east : .west
            for link in crossing(links, topology) {
                let isFromSource = topology.node(link.service)?.site == source
                fault.add(.drop, isFromSource ? .toReplica : .toService, on: [link])
            }
        case .someLinksCut:
            for link in some(links, &random) {
                let ways: [Directions] = [.both, .both, .toReplica, .toService]
                fault.add(.drop, ways.randomElement(using: &random) ?? .both, on: [link])
            }
        case .reset:
            fault.add(.reset, .both, on: some(links, &random))
            fault.durationMs = random.milliseconds(20...1_000)
        case .stall:
            fault.add(.stall, .both, on: some(links, &random))
        case .delay:
            fault.add(.delay(ms: Int(random.milliseconds(2...150))), .both, on: some(links, &random))
        case .pauseReplica, .killReplica:
            fault.node = topology.replicas(of: group).randomElement(using: &random)?.name
            fault.durationMs = random.milliseconds(50...2_000)
        case .pauseService, .killService:
            fault.node = topology.services.filter { $0.group == group }.randomElement(using: &random)?.name
            fault.durationMs = random.milliseconds(50...1_500)
        }
        return fault
    }

    private mutating func add(_ mode: FaultMode, _ directions: Directions, on chosen: [Link]) {
        for link in chosen { links[link, default: .none].add(mode, directions) }
    }

    /// The links that connect nodes at different sites.
    private static func crossing(_ links: [Link], _ topology: Topology) -> [Link] {
        links.filter { topology.node($0.service)?.site != topology.node($0.replica)?.site }
    }

    /// A random choice of links: each with a probability of one half, but at least one.
    private static func some(_ links: [Link], _ random: inout SplitMix64) -> [Link] {
        let chosen = links.filter { _ in random.isTrue(percent: 50) }
        return chosen.isEmpty ? [links[random.index(links.count)]] : chosen
    }
}

extension LinkFault {
    /// Adds another fault to this one. Its delays replace the delays of this one.
    func combined(with other: LinkFault) -> LinkFault {
        var fault = self
        if other.resets { fault.add(.reset, .both) }
        if other.isStalled { fault.add(.stall, .both) }
        if !other.dropped.isEmpty { fault.add(.drop, other.dropped) }
        if other.delayToReplicaMs > 0 { fault.add(.delay(ms: other.delayToReplicaMs), .toReplica) }
        if other.delayToServiceMs > 0 { fault.add(.delay(ms: other.delayToServiceMs), .toService) }
        return fault
    }
}
