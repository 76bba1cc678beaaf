import EventLoop

/// The faults of a pair that nothing but answers is known of.
///
/// A cut shows at each service at another moment. It should get one name, not one for each link, so what is seen counts
/// only once it has not changed for ``settleMs``, at the latest after ``maxWaitMs``.
struct SeenFaults {
    struct View: Equatable, Sendable {
        /// Nodes that do not answer.
        var silent: Set<String> = []
        /// Links whose service reports that it cannot use the replica.
        var unreached: Set<Link> = []
    }

    static let settleMs: UInt64 = 1_000
    static let maxWaitMs: UInt64 = 3_000

    /// What counts.
    private(set) var current = View()
    private(set) var latest = View()
    private var latestSinceNs: UInt64 = 0
    /// When what is seen began to differ from what counts.
    private var differsSinceNs: UInt64?

    mutating func note(_ view: View, atNs nowNs: UInt64) {
        if view != latest {
            latest = view
            latestSinceNs = nowNs
        }
        guard latest != current else {
            differsSinceNs = nil
            return
        }
        let sinceNs = differsSinceNs ?? nowNs
        differsSinceNs = sinceNs
        guard
            nowNs >= latestSinceNs + Self.settleMs * nsPerMs || nowNs >= sinceNs + Self.maxWaitMs * nsPerMs
        else { return }
        current = latest
        differsSinceNs = nil
    }

    func condition(of node: Node) -> NodeCondition { current.silent.contains(node.name) ? .unreachable : .running }

    /// A silent node explains why its links do not work.
    func fault(of link: Link) -> LinkFault {
        var fault = LinkFault.none
        let isExplained = current.silent.contains(link.service) || current.silent.contains(link.replica)
        if current.unreached.contains(link), !isExplained { fault.add(.drop, .both) }
        return fault
    }
}
