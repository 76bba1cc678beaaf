import EventLoop
import Replication

@testable import Available
@testable import Consistent
@testable import Simulator

/// The engine of `app-ap` with replicas whose replies are altered: it traps nowhere, and answers every request soon
/// after its deadline.
struct APEngineTarget: FuzzTarget {
    func check(_ input: FuzzInput) throws(Finding) {
        let hostile = HostileReplies(input)
        let world = World(seed: 1)
        let replicas = SimulatedReplica.group(in: world)
        var settings = AvailableSettings(groupName: "ap", secret: "0123456789abcdef", nodeName: "i")
        settings.background.antiEntropyIntervalMs = 500
        settings.tombstones.gcIntervalMs = 500
        settings.tombstones.graceMs = 100
        for replica in replicas { replica.alterReply = hostile.alter }
        let instance = APInstance(index: 0, world: world, replicas: replicas, near: [0], settings: settings)
        defer { instance.crash() }
        var run = EngineRun(world: world)
        for round in 0..<3 {
            for key in ["a", "b"] {
                run.request {
                    let request = Available.ReadRequest(key: Bytes(key.utf8), deadlineNs: $0, maxStalenessMs: nil)
                    _ = await instance.read(request)
                }
                run.request {
                    let kind: Available.ChangeRequest.Kind = round == 1 ? .delete : .write(Bytes("v".utf8))
                    var request = Available.ChangeRequest(key: Bytes(key.utf8), kind: kind, deadlineNs: $0)
                    request.ttlMs = round == 0 ? nil : 50
                    _ = await instance.change(request)
                }
            }
            try run.finish()
        }
    }
}

/// The same for `app-cp`.
struct CPEngineTarget: FuzzTarget {
    func check(_ input: FuzzInput) throws(Finding) {
        let hostile = HostileReplies(input)
        let world = World(seed: 1)
        let replicas = SimulatedReplica.group(in: world)
        guard CPOperator.initialise(replicas, in: world) == .initialized else { throw Finding("no group") }
        var settings = ConsistentSettings()
        settings.background.intervalMs = 100
        settings.background.scanIntervalMs = 500
        for replica in replicas { replica.alterReply = hostile.alter }
        let instance = CPInstance(index: 0, world: world, replicas: replicas, near: [0], settings: settings)
        defer { instance.crash() }
        var run = EngineRun(world: world)
        for round in 0..<3 {
            for key in ["a", "b"] {
                run.request { _ = await instance.result(of: .read, key: key, deadlineNs: $0) }
                run.request {
                    _ = await instance.result(
                        of: round == 1 ? .delete : .write("v"), key: key, deadlineNs: $0, ttlMs: round == 0 ? nil : 50)
                }
            }
            try run.finish()
        }
    }
}

/// Requests in virtual time.
private struct EngineRun {
    let world: World
    private let open = Counter()
    private let timeoutMs: UInt64 = 500

    private final class Counter {
        var value = 0
    }

    init(world: World) { self.world = world }

    /// - Parameter body: gets its deadline.
    func request(_ body: @escaping (UInt64) async -> Void) {
        open.value += 1
        let deadlineNs = world.nowNs + timeoutMs * nsPerMs
        world.spawn { [open] in
            await body(deadlineNs)
            open.value -= 1
        }
    }

    /// Waits for all answers, and lets background work run for a while after them.
    mutating func finish() throws(Finding) {
        world.run(limitNs: world.nowNs + 2 * timeoutMs * nsPerMs) { open.value == 0 }
        try require(open.value == 0, "\(open.value) requests have no answer")
        world.run(limitNs: world.nowNs + timeoutMs * nsPerMs) { false }
    }
}
