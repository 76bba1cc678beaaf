import EventLoop

/// The network between one instance and one replica, in both directions. It outlives restarts of the instance, and so do
/// the faults that are set here.
public final class NetworkPath {
    private let world: World

    /// Bytes of the instance do not arrive. TCP retransmits them, so they arrive once the cut ends, even from a connection
    /// that was closed meanwhile.
    public var isCutThere = false {
        didSet { if !isCutThere { release(&heldThere) } }
    }
    /// Replies of the replica do not arrive.
    public var isCutBack = false {
        didSet { if !isCutBack { release(&heldBack) } }
    }
    /// Mean latency of one direction beyond the minimum, in microseconds.
    public var latencyMeanUs = NetworkPath.usualLatencyMeanUs
    /// Minimum latency of one direction, in microseconds.
    public var latencyLeastUs: UInt64 = 20
    static let usualLatencyMeanUs: UInt64 = 150

    /// Bandwidth of one direction; nil for no limit.
    public var bytesPerMs: UInt64?

    private var heldThere: [() -> Void] = []
    private var heldBack: [() -> Void] = []

    init(world: World) { self.world = world }

    /// Plans an arrival at the replica. TCP keeps the order within one direction of one connection: nothing arrives before
    /// `notBeforeNs`, the time of the previous arrival.
    ///
    /// - Returns: the time of arrival, unless the direction is cut.
    func carryThere(notBeforeNs: UInt64, bytes: Int = 0, _ body: @escaping () -> Void) -> UInt64 {
        let timeNs = max(notBeforeNs, world.nowNs + oneWayNs()) + transferNs(bytes)
        world.at(timeNs) { [self] in
            if isCutThere || !heldThere.isEmpty { heldThere.append(body) } else { body() }
        }
        return timeNs
    }

    func carryBack(notBeforeNs: UInt64, bytes: Int = 0, _ body: @escaping () -> Void) -> UInt64 {
        let timeNs = max(notBeforeNs, world.nowNs + oneWayNs()) + transferNs(bytes)
        world.at(timeNs) { [self] in
            if isCutBack || !heldBack.isEmpty { heldBack.append(body) } else { body() }
        }
        return timeNs
    }

    private func oneWayNs() -> UInt64 { latencyLeastUs * 1_000 + world.random.exponentialNs(meanUs: latencyMeanUs) }

    private func transferNs(_ bytes: Int) -> UInt64 { bytesPerMs.map { UInt64(bytes) * nsPerMs / $0 } ?? 0 }

    private func release(_ held: inout [() -> Void]) {
        let bodies = held
        held.removeAll()
        for body in bodies { world.after(0, body) }
    }
}
