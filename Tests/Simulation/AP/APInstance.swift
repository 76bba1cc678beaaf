import Available
import EventLoop
import Replication

/// One `app-ap` without its HTTP: the production engine over the simulated group.
final class APInstance: SimulatedInstance {
    let index: Int
    private let world: World
    private let replicas: [SimulatedReplica]
    private let near: Set<Int>
    private let settings: AvailableSettings
    let paths: [NetworkPath]
    private(set) var process: SimulatedProcess
    private(set) var group: SimulatedGroup
    private(set) var engine: AvailableEngine
    private var starts = 0
    /// Requests that wait for their answer: a crash leaves their clients without one.
    private var waiting: [Request] = []

    private final class Request {
        var continuation: UnsafeContinuation<Void, Never>?
        var isLost = false
        var isDone = false

        func end(isLost: Bool) {
            guard !isDone else { return }
            isDone = true
            self.isLost = isLost
            continuation.take()?.resume()
        }
    }

    init(
        index: Int, world: World, replicas: [SimulatedReplica], near: Set<Int>, settings: AvailableSettings
    ) {
        self.index = index
        self.world = world
        self.replicas = replicas
        self.near = near
        var settings = settings
        settings.preferredReplicas = Set(near.map { "g\($0 + 1)" })
        self.settings = settings
        process = SimulatedProcess(world: world, name: "i\(index)")
        paths = replicas.map { _ in NetworkPath(world: world) }
        (group, engine) = Self.make(process, replicas, paths, near, settings)
        group.start()
        engine.start()
    }

    private static func make(
        _ process: SimulatedProcess, _ replicas: [SimulatedReplica], _ paths: [NetworkPath], _ near: Set<Int>,
        _ settings: AvailableSettings
    ) -> (SimulatedGroup, AvailableEngine) {
        let group = SimulatedGroup(
            process: process, replicas: replicas, paths: paths, scripts: AvailableScripts.all, near: near)
        return (group, AvailableEngine(group: group, scheduler: process, settings: settings))
    }

    var isRunning: Bool { process.isAlive }

    func crash() {
        process.crash()
        group.abandon()
        engine.stop()
        let lost = waiting
        waiting.removeAll()
        for request in lost { request.end(isLost: true) }
    }

    func restart() {
        guard !isRunning else { return }
        starts += 1
        let skewMs = process.wallClockSkewMs
        process = SimulatedProcess(world: world, name: "i\(index).\(starts)")
        process.wallClockSkewMs = skewMs
        (group, engine) = Self.make(process, replicas, paths, near, settings)
        group.start()
        engine.start()
    }

    /// Runs `body` as a task of this instance. False where the instance was gone before it ended.
    func run(_ body: @escaping () async -> Void) async -> Bool {
        guard isRunning else { return false }
        let request = Request()
        waiting.append(request)
        process.spawn {
            await body()
            request.end(isLost: false)
        }
        if !request.isDone {
            await withUnsafeContinuation { request.continuation = $0 }
        }
        waiting.removeAll { $0 === request }
        return !request.isLost
    }
}
