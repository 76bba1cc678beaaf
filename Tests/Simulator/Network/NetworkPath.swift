import EventLoop

/// The network between one instance and one replica, in both directions. The path and its faults outlive restarts of
/// the instance.
final class NetworkPath {
    enum Direction: Int, CaseIterable {
        /// From the instance to the replica.
        case there
        /// From the replica to the instance.
        case back
    }

    private struct Lane {
        var isCut = false
        var held: [() -> Void] = []
    }

    private let world: World
    private var lanes = Direction.allCases.map { _ in Lane() }
    /// About the mean latency of one direction above the minimum, in microseconds.
    var latencyMeanUs = NetworkPath.usualLatencyMeanUs
    /// Minimum latency of one direction, in microseconds.
    var latencyLeastUs: UInt64 = 20
    static let usualLatencyMeanUs: UInt64 = 150

    /// Bandwidth of one direction, in bytes per millisecond; nil for no limit.
    var bytesPerMs: UInt64?

    init(world: World) { self.world = world }

    /// Holds everything that would arrive in these directions, until ``heal(_:)``. As with TCP's retransmission, it
    /// arrives after the cut. Commands arrive even if the instance has closed the connection meanwhile.
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

    /// Schedules an arrival. TCP keeps the order within one direction of a connection. So nothing arrives before
    /// `notBeforeNs`, the arrival of the previous bytes.
    ///
    /// - Returns: when `body` will run, unless the direction is cut at that time.
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
