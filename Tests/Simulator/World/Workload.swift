import EventLoop

/// The clients of a world. They start operations until the limit is reached. When the last operation has ended, all
/// faults are healed.
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

    /// A unique value.
    func nextValue() -> String {
        valueCount += 1
        return "v\(valueCount)"
    }

    /// Starts a client that runs one `step` after another, with random pauses of about the given mean.
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

    /// Runs the world until the clients have ended, then heals all faults and runs `judge` three seconds later. A world
    /// that has not ended at the virtual time `limitMs` is reported as hung.
    ///
    /// - Returns: the number of events, and a text that describes the hang; nil if there was none.
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
