import EventLoop

/// The way between one instance and one replica, in both directions. It stays when the instance is started again, and so do
/// the faults that are set here.
public final class NetworkPath {
    private let world: World

    /// What the instance sends does not arrive. TCP sends it again, so it comes when the way is free, even from a connection
    /// that was closed meanwhile.
    public var isCutThere = false {
        didSet { if !isCutThere { release(&heldThere) } }
    }
    /// What the replica answers does not arrive.
    public var isCutBack = false {
        didSet { if !isCutBack { release(&heldBack) } }
    }
    /// Mean of what one way takes beyond the least, in microseconds.
    public var latencyMeanUs = NetworkPath.usualLatencyMeanUs
    /// The least that one way takes, in microseconds.
    public var latencyLeastUs: UInt64 = 20
    static let usualLatencyMeanUs: UInt64 = 150

    /// What one way carries in a millisecond; nil for any amount.
    public var bytesPerMs: UInt64?

    private var heldThere: [() -> Void] = []
    private var heldBack: [() -> Void] = []

    init(world: World) { self.world = world }

    /// Plans the arrival of something at the replica. TCP keeps the order within one direction of one connection: nothing
    /// arrives before `notBeforeNs`, which is when the last thing did.
    /// - Returns: when it arrives, if the way is not cut.
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
