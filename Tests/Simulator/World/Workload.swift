import EventLoop

/// The clients of a world: they begin operations until there are enough. Then all faults are healed.
final class Workload {
    private let world: World
    private let operations: Int
    private var started = 0
    private var busyClients = 0
    private var valueCount = 0
    private(set) var isOver = false

    init(world: World, operations: Int) {
        self.world = world
        self.operations = operations
    }

    /// A value that no other write has.
    func nextValue() -> String {
        valueCount += 1
        return "v\(valueCount)"
    }

    /// Starts a client that does one `step` after another, with pauses of this mean.
    func startClient(afterMs delayMs: UInt64 = 0, meanPauseUs: UInt64, _ step: @escaping () async -> Void) {
        busyClients += 1
        world.spawn { [self] in
            if delayMs > 0 { await world.sleep(delayMs * nsPerMs) }
            while started < operations {
                started += 1
                await step()
                await world.sleep(world.random.exponentialNs(meanUs: meanPauseUs))
            }
            busyClients -= 1
        }
    }

    /// Runs the world until the clients and `judge`, which follows the heal, have ended. A world that is not over at
    /// this virtual time hangs.
    ///
    /// - Returns: the number of events, and whether the world hung.
    func run(
        until limitMs: UInt64, _ planner: FaultPlanner, thenJudge judge: @escaping () async -> Void
    ) -> (events: Int, hung: String?) {
        world.spawn { [self] in
            while busyClients > 0 { await world.sleep(20 * nsPerMs) }
            planner.healAll()
            await world.sleep(3_000 * nsPerMs)
            await judge()
            isOver = true
        }
        let events = world.run(limitNs: limitMs * nsPerMs) { self.isOver }
        return (events, isOver ? nil : "hung: \(busyClients) clients wait for an answer that never comes")
    }
}
