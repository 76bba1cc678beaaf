import Consistent
import EventLoop
import Replication

/// One `app-cp` without its HTTP: the production engine over the simulated group.
final class CPInstance: SimulatedInstance {
    let index: Int
    private let world: World
    private let replicas: [SimulatedReplica]
    private let near: Set<Int>
    private let settings: ConsistentSettings
    let paths: [NetworkPath]
    private(set) var process: SimulatedProcess
    private(set) var group: SimulatedGroup
    private(set) var engine: ConsistentEngine
    private var starts = 0
    /// Requests that wait for their answer: a crash leaves their clients without one.
    private var waiting: [Ticket] = []

    /// One client's request at this instance.
    final class Ticket {
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
        index: Int, world: World, replicas: [SimulatedReplica], near: Set<Int>,
        settings: ConsistentSettings = ConsistentSettings()
    ) {
        self.settings = settings
        self.index = index
        self.world = world
        self.replicas = replicas
        self.near = near
        process = SimulatedProcess(world: world, name: "i\(index)")
        paths = replicas.map { _ in NetworkPath(world: world) }
        (group, engine) = Self.make(process, replicas, paths, near, settings)
        group.start()
        engine.start()
    }

    private static func make(
        _ process: SimulatedProcess, _ replicas: [SimulatedReplica], _ paths: [NetworkPath], _ near: Set<Int>,
        _ settings: ConsistentSettings
    ) -> (SimulatedGroup, ConsistentEngine) {
        let group = SimulatedGroup(
            process: process, replicas: replicas, paths: paths, scripts: ConsistentScripts.all, near: near)
        let engine = ConsistentEngine(group: group, scheduler: process, settings: settings)
        return (group, engine)
    }

    var isRunning: Bool { process.isAlive }

    func crash() {
        process.crash()
        group.abandon()
        let lost = waiting
        waiting.removeAll()
        for ticket in lost { ticket.end(isLost: true) }
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
        let ticket = Ticket()
        waiting.append(ticket)
        process.spawn {
            await body()
            ticket.end(isLost: false)
        }
        if !ticket.isDone {
            await withUnsafeContinuation { ticket.continuation = $0 }
        }
        waiting.removeAll { $0 === ticket }
        return !ticket.isLost
    }
}
