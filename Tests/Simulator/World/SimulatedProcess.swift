import EventLoop

/// The time, tasks and random numbers of one service instance. After ``crash()`` none of its code runs.
final class SimulatedProcess: Scheduler {
    let world: World
    let name: String
    private(set) var isAlive = true
    /// Offset of the process's wall clock from the world's clock, in milliseconds. It may jump.
    var wallClockSkewMs: Int64 = 0
    /// 2026-01-01, the date on which every world begins, in milliseconds since 1970.
    static let epochMs: Int64 = 1_767_225_600_000

    init(world: World, name: String) {
        self.world = world
        self.name = name
    }

    /// Ends the process like `kill -9`. Its timers never fire, and replies never arrive.
    func crash() { isAlive = false }

    var nowNs: UInt64 { world.nowNs }
    var wallClockMs: Int64 { Self.epochMs + Int64(world.nowNs / nsPerMs) + wallClockSkewMs }

    func schedule(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        world.at(deadlineNs) { [self] in
            if isAlive, !timer.isSettled { timer.expire() }
        }
    }

    func atEndOfTurn(_ body: @escaping () -> Void) {
        world.atEndOfTurn { [self] in
            if isAlive { body() }
        }
    }

    func spawn(_ body: @escaping () async -> Void) {
        guard isAlive else { return }
        world.spawn(body)
    }

    func randomBits() -> UInt64 { world.random.next() }
}
