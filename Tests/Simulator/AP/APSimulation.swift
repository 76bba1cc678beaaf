import Available
import EventLoop
import Replication

/// One world with three replicas, some instances of `app-ap`, and clients that read and change a few keys while faults begin
/// and end. At the end all faults are healed, the system becomes idle, and the history is judged (see ``APJudge``).
public final class APSimulation {
    public struct Report: Sendable {
        public var seed: UInt64
        public var history: [APOperation] = []
        public var violations: [String] = []
        public var faults: [FaultKind: Int] = [:]
        public var virtualMs: UInt64 = 0
        public var events = 0
        /// Replicas that were refused as too old, and emptied.
        public var refusedReplicas = 0
        /// Collected records, counted per replica.
        public var collected = 0
    }

    private let options: Options
    private let keyCount: Int
    private let warmUpMs: UInt64
    private let world: World
    private let replicas: [SimulatedReplica]
    private var instances: [APInstance] = []
    private let planner: FaultPlanner
    private let judge: APJudge
    private var report: Report
    private var started = 0
    private var busyClients = 0
    private var isOver = false
    private var nextValue = 0
    /// By client and key: the newest version that it received.
    private var contexts: [[String?]]
    /// By client.
    private var sessions: [SessionJudge] = []
    private let adversary: AdversarialClient

    private static let deadlineNs = 1_000 * nsPerMs
    /// After the heal: a comparison without one peer is repeated after half a minute.
    private static let quietLimitMs: UInt64 = 180_000

    public init(seed: UInt64, options: Options = APProfile.mixed.options) {
        self.options = options
        let world = World(seed: seed)
        let lua = LuaHost()
        let isSyncAlways = options.isSyncAlways ?? world.random.isTrue(percent: 50)
        let replicas = (0..<3).map {
            SimulatedReplica(index: $0, world: world, lua: lua, isSyncAlways: isSyncAlways)
        }
        var settings = AvailableSettings(
            groupName: AdversarialClient.groupName, secret: AdversarialClient.secret, nodeName: "sim")
        settings.writeAcks = options.writeAcks ?? 1 + world.random.index(5) / 2
        settings.tombstoneGraceMs = options.tombstoneGraceMs
        settings.tombstoneGCIntervalMs = 500
        settings.antiEntropyIntervalMs = options.isComparingOften ?? world.random.isTrue(percent: 50) ? 3_000 : 600_000
        if world.random.isTrue(percent: options.fewHints) { settings.maxHints = 1 + world.random.index(2) }
        if world.random.isTrue(percent: options.fewSiblings) { settings.maxSiblings = 1 + world.random.index(3) }
        self.world = world
        self.replicas = replicas
        judge = APJudge(world: world, replicas: replicas)
        adversary = AdversarialClient(seed: seed, world: world) { [judge] in judge.fail($0) }
        report = Report(seed: seed)
        keyCount = options.keys ?? (world.random.isTrue(percent: 50) ? 3 : 40)
        warmUpMs = options.warmUpMs ?? (world.random.isTrue(percent: 50) ? 100 : 3_000)
        contexts = Array(repeating: Array(repeating: nil, count: keyCount + 1), count: options.clients)
        let isClockSteady = world.random.isTrue(percent: 50)
        let kinds = options.faults.filter { $0 != .clockJump || !isClockSteady }
        planner = FaultPlanner(world: world, replicas: replicas, kinds: kinds)
        // Rarely: each costs a comparison of all records.
        planner.mayForget = { _ in world.random.isTrue(percent: options.forgetting) }
        planner.mayRestore = { _, _ in world.random.isTrue(percent: options.newestDumps) }
        planner.maxSkewMs = options.maxSkewMs
        planner.aheadMs = options.tombstoneGraceMs
        planner.maxHoldMs = options.maxHoldMs
        instances = (0..<options.instances).map { index in
            APInstance(
                index: index, world: world, replicas: replicas, near: index.isMultiple(of: 2) ? [0, 1] : [2],
                settings: settings)
        }
        planner.instances = instances
        if let maxUs = options.maxLatencyMeanUs {
            for path in instances.flatMap(\.paths) { path.latencyMeanUs = 1 + world.random.below(maxUs) }
        }
        if let bytesPerMs = options.bytesPerMs {
            for path in instances.flatMap(\.paths) { path.bytesPerMs = bytesPerMs }
        }
        for replica in replicas { replica.watcher = judge.ledger }
        sessions = (0..<options.clients).map { _ in
            SessionJudge(ledger: judge.ledger, isCalm: options.faults.isEmpty) { [judge] in judge.fail($0) }
        }
    }

    /// Runs the world to its end.
    public func run() -> Report {
        for client in 0..<options.clients { start(client) }
        watchForOldReplicas()
        world.after((warmUpMs + 100) * nsPerMs) { [self] in planner.start(meanGapMs: options.meanFaultGapMs) }
        world.spawn { await self.finish() }
        report.events = world.run(limitNs: options.limitMs * nsPerMs) { self.isOver }
        if !isOver { report.violations.append("hung: \(busyClients) clients wait for an answer that never comes") }
        judge.judgeEnd()
        report.violations += judge.violations
        report.faults = planner.counts
        report.collected = judge.ledger.collectedCount
        report.virtualMs = world.nowNs / nsPerMs
        return report
    }

    // MARK: Clients

    private func start(_ client: Int) {
        busyClients += 1
        world.spawn { [self] in
            await world.sleep(warmUpMs * nsPerMs)
            while started < options.operations {
                started += 1
                let instance = instances[world.random.index(instances.count)]
                let keyIndex = world.random.index(keyCount)
                await step(client, keyIndex, at: instance)
                await adversary.mayTry(keyIndex, contexts[client], sessions[client], at: instance)
                await world.sleep(world.random.exponentialNs(meanUs: options.meanPauseUs))
            }
            busyClients -= 1
        }
    }

    private func step(_ client: Int, _ keyIndex: Int, at instance: APInstance) async {
        var request = ChangeRequest(key: Bytes("k\(keyIndex)".utf8), kind: .delete, deadlineNs: 0)
        switch world.random.below(10) {
        case 0..<options.reads:
            await read(client, keyIndex, at: instance)
            return
        case options.reads..<10 - options.deletes:
            nextValue += 1
            request.kind = .write(value(nextValue))
            if world.random.isTrue(percent: options.expiring) {
                request.ttlMs = Int64(10 + world.random.below(options.maxTtlMs))
            }
        default: break
        }
        if world.random.isTrue(percent: 40), let text = contexts[client][keyIndex] {
            request.context = text
        }
        await change(request, client, keyIndex, at: instance)
    }

    private func value(_ number: Int) -> Bytes {
        let value = Bytes("v\(number)".utf8)
        guard value.count < options.valueBytes else { return value }
        return value + Bytes(".".utf8)
            + Bytes(repeating: UInt8(ascii: "x"), count: options.valueBytes - value.count - 1)
    }

    @discardableResult
    private func read(
        _ client: Int, _ keyIndex: Int, at instance: APInstance, isServed: Bool = false
    ) async -> Bool {
        let callNs = world.nowNs
        let key = Bytes("k\(keyIndex)".utf8)
        if world.random.isTrue(percent: 3) { sessions[client].forget() }
        var request = ReadRequest(key: key, deadlineNs: callNs + Self.deadlineNs)
        request.session = sessions[client].request
        if !isServed, request.session.token != nil {
            request.session.isRequired = world.random.isTrue(percent: options.requiredSessions)
        }
        if !isServed, world.random.isTrue(percent: options.freshReads) {
            request.maxStalenessMs = Int64(world.random.below(2_000))
        }
        var found: ReadResult?
        var failure: AvailableFailure?
        let isAnswered = await instance.run { [engine = instance.engine, request] in
            do throws(AvailableFailure) {
                found = try await engine.read(request)
            } catch {
                failure = error
            }
        }
        let result = isAnswered ? found : nil
        let isUnmet = failure?.code == .sessionUnmet || failure?.code == .tooStale
        var operation = APOperation(
            client: client, instance: instance.index, key: "k\(keyIndex)", call: .read,
            result: result != nil ? .ok : isUnmet ? .unmet : .unknown, callNs: callNs, returnNs: world.nowNs)
        if let result {
            contexts[client][keyIndex] = result.version
            operation.value = result.value.map(WriteLedger.text)
            operation.conflicts = result.conflicts.map { $0.map(WriteLedger.text) }
            operation.replica = result.replica
            operation.stalenessMs = result.stalenessMs
            judge.didRead(result, key, maxStalenessMs: request.maxStalenessMs)
            sessions[client].didRead(result, key, isRequired: request.session.isRequired)
        }
        // A read with a staleness limit may fail although a staler replica covers the session.
        if isAnswered, let failure, request.maxStalenessMs == nil { sessions[client].didFail(failure, key) }
        report.history.append(operation)
        return result != nil
    }

    @discardableResult
    private func change(
        _ request: ChangeRequest, _ client: Int, _ keyIndex: Int, at instance: APInstance
    ) async -> Bool {
        var request = request
        let callNs = world.nowNs
        request.deadlineNs = callNs + Self.deadlineNs
        request.session = sessions[client].request
        if request.kind == .delete, request.session.token != nil {
            request.session.isRequired = world.random.isTrue(percent: options.requiredSessions)
        }
        let intent = judge.willChange(request)
        var outcome: Result<ChangeResult, AvailableFailure>?
        let isAnswered = await instance.run { [engine = instance.engine, request] in
            do throws(AvailableFailure) {
                outcome = .success(try await engine.change(request))
            } catch {
                outcome = .failure(error)
            }
        }
        var operation = APOperation(
            client: client, instance: instance.index, key: "k\(keyIndex)",
            call: request.kind == .delete ? .delete : .write, hasContext: request.context != nil, result: .unknown,
            callNs: callNs, returnNs: world.nowNs)
        if case .write(let value) = request.kind { operation.value = WriteLedger.text(value) }
        if isAnswered, let outcome {
            judge.didChange(intent, outcome)
            switch outcome {
            case .success(let result):
                sessions[client].didChange(
                    result, request.key, isDelete: request.kind == .delete, isRequired: request.session.isRequired)
                contexts[client][keyIndex] = result.version
                operation.result = result.existed || request.kind != .delete ? .ok : .absent
                operation.replica = result.replica
                operation.conflicts = result.conflicts.map { $0.map(WriteLedger.text) }
            case .failure(let failure):
                sessions[client].didFail(failure, request.key)
                operation.result =
                    failure.outcome == .applied
                    ? .applied : failure.outcome == .notApplied ? .notApplied : .unknown
            }
        }
        report.history.append(operation)
        return operation.result != .unknown && operation.result != .notApplied
    }

    // MARK: The operator

    /// Empties replicas that were refused as too old, after a while, as the log demands.
    private func watchForOldReplicas() {
        world.after(world.random.ns(us: 200_000...1_000_000)) { [self] in
            for replica in replicas where replica.isRunning && isTooOld(replica) { replica.wipe() }
            if !isOver { watchForOldReplicas() }
        }
    }

    private func isTooOld(_ replica: SimulatedReplica) -> Bool {
        let isMarked = replica.redis.field("too_old", of: "cap:identity") != nil
        if isMarked { report.refusedReplicas += 1 }
        return isMarked
    }

    // MARK: The end

    /// After the heal, each instance must serve each key again, and all replicas must converge.
    private func finish() async {
        while busyClients > 0 { await world.sleep(20 * nsPerMs) }
        planner.healAll()
        await world.sleep(3_000 * nsPerMs)
        for instance in instances {
            // A separate key: another write of the other keys would repair what was lost of them.
            nextValue += 1
            var request = ChangeRequest(key: Bytes("k\(keyCount)".utf8), kind: .delete, deadlineNs: 0)
            request.kind = .write(Bytes("v\(nextValue)".utf8))
            if !(await change(request, 0, keyCount, at: instance)) {
                judge.fail("instance \(instance.index) accepts no write after the heal")
            }
            for keyIndex in 0...keyCount where !(await read(1, keyIndex, at: instance, isServed: true)) {
                judge.fail("instance \(instance.index) does not serve k\(keyIndex) after the heal")
            }
        }
        let limitNs = world.nowNs + Self.quietLimitMs * nsPerMs
        while world.nowNs < limitNs, !isQuiet { await world.sleep(250 * nsPerMs) }
        judge.judgeQuiet(unknownStaleness: unknownStaleness)
        isOver = true
    }

    /// The first replica whose staleness an instance does not know, and what it knows.
    private var unknownStaleness: String? {
        for instance in instances {
            guard let status = instance.engine.status().first(where: { $0.stalenessMs == nil }) else { continue }
            return "instance \(instance.index) of \(status)"
        }
        return nil
    }

    private var isQuiet: Bool { unknownStaleness == nil && judge.isConverged }
}
