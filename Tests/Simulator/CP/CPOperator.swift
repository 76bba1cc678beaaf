import Consistent
import EventLoop

/// Runs the commands of an operator on a simulated group. They are the production code.
enum CPOperator {
    /// Runs `app-cp init` in a separate process. Returns nil if it does not end within a minute of virtual time.
    static func initialise(_ replicas: [SimulatedReplica], in world: World) -> GroupInitializer.Result? {
        let run = InitialRun(replicas, in: world)
        world.run(limitNs: world.nowNs + 60_000 * nsPerMs) { run.result != nil }
        run.end()
        return run.result
    }

    /// The same in a world that is already running.
    static func initialise(_ replicas: [SimulatedReplica], within world: World) async -> GroupInitializer.Result? {
        let run = InitialRun(replicas, in: world)
        let endNs = world.nowNs + 60_000 * nsPerMs
        while run.result == nil, world.nowNs < endNs { await world.sleep(1 * nsPerMs) }
        run.end()
        return run.result
    }

    private final class InitialRun {
        private(set) var result: GroupInitializer.Result?
        private let process: SimulatedProcess
        private let group: SimulatedGroup

        init(_ replicas: [SimulatedReplica], in world: World) {
            process = SimulatedProcess(world: world, name: "init")
            group = SimulatedGroup(
                process: process, replicas: replicas, paths: replicas.map { _ in NetworkPath(world: world) },
                scripts: ConsistentScripts.all)
            let initializer = GroupInitializer(
                group: group, scheduler: process, groupName: ConsistentSettings().groupName)
            group.start()
            process.spawn { [self] in
                result = await initializer.run(deadlineNs: process.nowNs + 50_000 * nsPerMs)
            }
        }

        func end() {
            process.crash()
            group.abandon()
        }
    }
}
