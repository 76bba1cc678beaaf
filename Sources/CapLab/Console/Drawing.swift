/// Draws the two sites as text, with the state of the links between them.
enum Drawing {
    /// Draws two lines per group: the services with their ports, and below them the replicas. A symbol between the
    /// sites shows the links between them. `-----`: no link has a fault. `~~~~~`: messages pass in both directions, but
    /// a link has a fault. `---->` or `<----`: messages pass in one direction only. `X`: no messages pass.
    static func sites(
        _ topology: Topology, ports: [String: UInt16], fault: (Link) -> LinkFault
    ) -> [String] {
        var rows: [(east: String, border: String, west: String)] = [("EAST", "", "WEST")]
        for group in GroupName.allCases {
            if rows.count > 1 { rows.append(("", "", "")) }
            let border = border(of: group, topology, fault)
            for isService in [true, false] {
                let cells = Site.allCases.map { site in
                    topology.nodes.filter { $0.group == group && $0.site == site && $0.isService == isService }
                        .map { isService ? "\($0.name) :\(ports[$0.name] ?? 0)" : $0.name }
                        .joined(separator: "  ")
                }
                rows.append((cells[0], border, cells[1]))
            }
        }
        let width = rows.map(\.east.count).max() ?? 0
        return rows.map { row in
            let line = "   \(TextLayout.padded(row.east, width))   \(TextLayout.padded(row.border, 5))   \(row.west)"
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func border(of group: GroupName, _ topology: Topology, _ fault: (Link) -> LinkFault) -> String {
        var passesEastToWest = false
        var passesWestToEast = false
        var hasFault = false
        for link in topology.links {
            guard let service = topology.node(link.service), let replica = topology.node(link.replica),
                service.group == group, service.site != replica.site
            else { continue }
            let fault = fault(link)
            hasFault = hasFault || fault != .none
            guard !fault.resets else { continue }
            let requestsPass = !fault.holds(.toReplica)
            let answersPass = !fault.holds(.toService)
            passesEastToWest = passesEastToWest || (service.site == .east ? requestsPass : answersPass)
            passesWestToEast = passesWestToEast || (service.site == .west ? requestsPass : answersPass)
        }
        switch (passesEastToWest, passesWestToEast) {
        case (true, true): return hasFault ? "~~~~~" : "-----"
        case (true, false): return "---->"
        case (false, true): return "<----"
        case (false, false): return "  X"
        }
    }
}
