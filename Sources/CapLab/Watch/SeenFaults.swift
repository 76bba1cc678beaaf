import EventLoop

/// Derives the faults of a pair from the answers of its services and replicas.
///
/// The services detect a cut at different times. It should appear as one cut, not as a fault per link. So a new view
/// takes effect only after it has not changed for ``settleMs``, and at the latest after ``maxWaitMs``.
struct SeenFaults {
    struct View: Equatable, Sendable {
        /// Nodes that do not answer.
        var silent: Set<String> = []
        /// Links whose service reports that it cannot use the replica.
        var unreached: Set<Link> = []
    }

    static let settleMs: UInt64 = 1_000
    static let maxWaitMs: UInt64 = 3_000

    /// The view that is in effect.
    private(set) var current = View()
    private(set) var latest = View()
    private var latestSinceNs: UInt64 = 0
    /// When ``latest`` began to differ from ``current``; nil if they are equal.
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

    /// The fault of a link. A node that does not answer explains why its links do not work, so these have no fault.
    func fault(of link: Link) -> LinkFault {
        var fault = LinkFault.none
        let isExplained = current.silent.contains(link.service) || current.silent.contains(link.replica)
        if current.unreached.contains(link), !isExplained { fault.add(.drop, .both) }
        return fault
    }
}
