import EventLoop

/// The network between one instance and one replica, in both directions. It outlives restarts of the instance, and so
/// do the faults that are set here.
final class NetworkPath {
    enum Direction: Int, CaseIterable {
        /// What the instance sends to the replica.
        case there
        /// What the replica sends to the instance.
        case back
    }

    private struct Lane {
        var isCut = false
        var held: [() -> Void] = []
    }

    private let world: World
    private var lanes = Direction.allCases.map { _ in Lane() }
    /// Mean latency of one direction beyond the minimum, in microseconds.
    var latencyMeanUs = NetworkPath.usualLatencyMeanUs
    /// Minimum latency of one direction, in microseconds.
    var latencyLeastUs: UInt64 = 20
    static let usualLatencyMeanUs: UInt64 = 150

    /// Bandwidth of one direction; nil for no limit.
    var bytesPerMs: UInt64?

    init(world: World) { self.world = world }

    /// Holds what is sent. TCP retransmits it, so it arrives after the cut, even from a connection that was closed
    /// meanwhile.
    func cut(_ directions: [Direction] = Direction.allCases) {
        for direction in directions { lanes[direction.rawValue].isCut = true }
    }

    func heal(_ directions: [Direction] = Direction.allCases) {
        for direction in directions {
            let held = lanes[direction.rawValue].held
            lanes[direction.rawValue] = Lane()
            for body in held { world.after(0, body) }
        }
    }

    func isCut(_ direction: Direction) -> Bool { lanes[direction.rawValue].isCut }

    /// Plans an arrival. TCP keeps the order within one direction of one connection: nothing arrives before
    /// `notBeforeNs`, the time of the previous arrival.
    ///
    /// - Returns: the time of arrival, unless the direction is cut.
    func carry(_ direction: Direction, notBeforeNs: UInt64, bytes: Int = 0, _ body: @escaping () -> Void) -> UInt64 {
        let oneWayNs = latencyLeastUs * 1_000 + world.random.exponentialNs(meanUs: latencyMeanUs)
        let transferNs = bytesPerMs.map { UInt64(bytes) * nsPerMs / $0 } ?? 0
        let timeNs = max(notBeforeNs, world.nowNs + oneWayNs) + transferNs
        world.at(timeNs) { [self] in
            let lane = lanes[direction.rawValue]
            if lane.isCut || !lane.held.isEmpty { lanes[direction.rawValue].held.append(body) } else { body() }
        }
        return timeNs
    }
}
