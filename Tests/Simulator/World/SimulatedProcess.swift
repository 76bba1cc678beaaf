import EventLoop

/// One service instance's time, tasks and randomness. After ``crash()`` none of its code runs.
public final class SimulatedProcess: Scheduler {
    public let world: World
    public let name: String
    public private(set) var isAlive = true
    /// Offset of its wall clock from the world's, in milliseconds; may jump.
    public var wallClockSkewMs: Int64 = 0
    /// 2026-01-01, when every world begins.
    public static let epochMs: Int64 = 1_767_225_600_000

    public init(world: World, name: String) {
        self.world = world
        self.name = name
    }

    /// As `kill -9`: its timers and the replies that it waits for never arrive.
    public func crash() { isAlive = false }

    public var nowNs: UInt64 { world.nowNs }
    public var wallClockMs: Int64 { Self.epochMs + Int64(world.nowNs / nsPerMs) + wallClockSkewMs }

    public func schedule(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        world.at(deadlineNs) { [self] in
            if isAlive, !timer.isSettled { timer.expire() }
        }
    }

    public func atEndOfTurn(_ body: @escaping () -> Void) {
        world.atEndOfTurn { [self] in
            if isAlive { body() }
        }
    }

    public func spawn(_ body: @escaping () async -> Void) {
        guard isAlive else { return }
        world.spawn(body)
    }

    public func randomBits() -> UInt64 { world.random.next() }
}
