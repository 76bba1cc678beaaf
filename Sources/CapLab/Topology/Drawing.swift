/// The two sites as text, with the cut in it.
enum Drawing {
    private static let siteWidth = 44

    /// Two lines a group: the services, each with its port, and below them the replicas. What stands between the sites is
    /// the worst that is wrong with the links which cross it.
    static func sites(
        _ topology: Topology, ports: [String: UInt16], fault: (Link) -> LinkFault
    ) -> [String] {
        var lines = ["  " + padded("EAST", siteWidth) + "       " + "WEST"]
        for group in GroupName.allCases {
            let crossing = topology.links.filter { link in
                guard let service = topology.node(link.service), let replica = topology.node(link.replica) else {
                    return false
                }
                return service.group == group && service.site != replica.site
            }
            let border = crossing.map { mark(fault($0)) }.max() ?? .open
            for isService in [true, false] {
                let cells = Site.allCases.map { site in
                    topology.nodes.filter { $0.group == group && $0.site == site && $0.isService == isService }
                        .map { isService ? "\($0.name) :\(ports[$0.name] ?? 0)" : $0.name }
                        .joined(separator: "  ")
                }
                let middle = isService ? border.sign : border.sign
                lines.append("  " + padded(cells[0], siteWidth) + " " + middle + " " + cells[1])
            }
            if group != GroupName.allCases.last { lines.append("  " + padded("", siteWidth) + " " + border.sign) }
        }
        return lines
    }

    private enum Border: Int, Comparable {
        case open, slow, half, cut

        static func < (left: Border, right: Border) -> Bool { left.rawValue < right.rawValue }

        var sign: String {
            switch self {
            case .open: "-----"
            case .slow: "~~~~~"
            case .half: "--X->"
            case .cut: "  X  "
            }
        }
    }

    private static func mark(_ fault: LinkFault) -> Border {
        if fault.resets || (fault.holds(.toReplica) && fault.holds(.toService)) { return .cut }
        if fault.holds(.toReplica) || fault.holds(.toService) { return .half }
        return fault == .none ? .open : .slow
    }

    static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
