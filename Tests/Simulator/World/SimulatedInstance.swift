import EventLoop
import Replication

/// One simulated instance of `app-cp` or `app-ap`.
protocol SimulatedInstance: AnyObject {
    var process: SimulatedProcess { get }
    var group: SimulatedGroup { get }
    /// The network path to each replica. The paths outlive a crash of the instance.
    var paths: [NetworkPath] { get }
    var isRunning: Bool { get }
    func crash()
    func restart()
}

/// The methods that both production engines have.
protocol SimulatedEngine: AnyObject {
    func start()
    func stop()
}

/// A service without HTTP: the production engine, connected to the simulated group.
final class SimulatedService<Engine: SimulatedEngine>: SimulatedInstance {
    let index: Int
    let paths: [NetworkPath]
    private(set) var process: SimulatedProcess
    private(set) var group: SimulatedGroup
    private(set) var engine: Engine
    private let world: World
    private let connect: (SimulatedProcess) -> (SimulatedGroup, Engine)
    private var starts = 0
    /// Requests that have no answer yet. If the instance crashes, their clients get none.
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

    /// - Parameter near: the replicas at the instance's site.
    init(
        index: Int, world: World, replicas: [SimulatedReplica], near: Set<Int>, scripts: [Script],
        engine: @escaping (SimulatedGroup, SimulatedProcess) -> Engine
    ) {
        let paths = replicas.map { _ in NetworkPath(world: world) }
        self.index = index
        self.world = world
        self.paths = paths
        connect = { process in
            let group = SimulatedGroup(
                process: process, replicas: replicas, paths: paths, scripts: scripts, near: near)
            return (group, engine(group, process))
        }
        process = SimulatedProcess(world: world, name: "i\(index)")
        (group, self.engine) = connect(process)
        group.start()
        self.engine.start()
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
        (group, engine) = connect(process)
        group.start()
        engine.start()
    }

    /// Runs `body` as a task of this instance.
    ///
    /// - Returns: the result; nil if the instance is not running, or crashes before the task ends.
    func run<Answer>(_ body: @escaping (Engine) async -> Answer) async -> Answer? {
        guard isRunning else { return nil }
        let request = Request()
        var answer: Answer?
        waiting.append(request)
        process.spawn { [engine] in
            answer = await body(engine)
            request.end(isLost: false)
        }
        if !request.isDone {
            await withUnsafeContinuation { request.continuation = $0 }
        }
        waiting.removeAll { $0 === request }
        return request.isLost ? nil : answer
    }
}
