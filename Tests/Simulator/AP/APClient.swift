import Available
import EventLoop
import Replication

/// One client's call to the AP service, and its result.
public struct APOperation: SimulatedOperation, Equatable {
    public enum Call: String, Sendable, Encodable { case read, write, delete }
    public enum Result: String, Sendable, Encodable {
        /// A read that was answered, or an acknowledged change.
        case ok
        /// A delete that was answered and found no value to delete.
        case absent
        /// A failed change whose error states `outcome` `applied`.
        case applied
        case notApplied
        /// A read whose required session or staleness limit could not be met.
        case unmet
        case unknown
    }
    public let client: Int
    public let instance: Int
    public let key: String
    public let call: Call
    /// The value that was written or read.
    public internal(set) var value: String?
    /// All values in the answer, if it had more than one.
    public internal(set) var conflicts: [String?] = []
    public let hasContext: Bool
    public internal(set) var result: Result
    public internal(set) var replica: String?
    public internal(set) var stalenessMs: Int64?
    public let callNs: UInt64
    public let returnNs: UInt64

    public var resultName: String { "\(call.rawValue): \(result.rawValue)" }
    public var isAnswered: Bool { result != .unknown && result != .notApplied }
}

/// One client. It reads and changes keys, and passes the answers to the judges.
final class APClient {
    private let index: Int
    private let world: World
    private let requests: APSimulation.Requests
    private let judge: APJudge
    private let record: (APOperation) -> Void
    let session: SessionJudge
    /// By key number: the `version` that the client received last; nil for none.
    private(set) var contexts: [String?]

    private static let deadlineNs = 1_000 * nsPerMs

    /// - Parameters:
    ///   - isCalm: true if this world has no faults.
    ///   - record: adds an operation to the history.
    init(
        index: Int, world: World, keyCount: Int, requests: APSimulation.Requests, judge: APJudge, isCalm: Bool,
        record: @escaping (APOperation) -> Void
    ) {
        self.index = index
        self.world = world
        self.requests = requests
        self.judge = judge
        self.record = record
        session = SessionJudge(ledger: judge.ledger, isCalm: isCalm, fail: judge.fail)
        contexts = Array(repeating: nil, count: keyCount)
    }

    /// Performs one random operation. `nextValue` returns a unique value to write.
    func step(_ key: Int, at instance: APInstance, nextValue: () -> String) async {
        var kind = ChangeRequest.Kind.delete
        var ttlMs: Int64?
        switch world.random.below(10) {
        case 0..<requests.reads:
            await read(key, at: instance)
            return
        case requests.reads..<10 - requests.deletes:
            kind = .write(padded(Bytes(nextValue().utf8)))
            if world.random.isTrue(percent: requests.expiring) {
                ttlMs = Int64(10 + world.random.below(requests.maxTtlMs))
            }
        default: break
        }
        let context = world.random.isTrue(percent: 40) ? contexts[key] : nil
        await change(key, kind, ttlMs: ttlMs, context: context, at: instance)
    }

    private func padded(_ value: Bytes) -> Bytes {
        guard value.count < requests.valueBytes else { return value }
        return value + Bytes(".".utf8)
            + Bytes(repeating: UInt8(ascii: "x"), count: requests.valueBytes - value.count - 1)
    }

    /// - Parameter isPlain: true for a read that neither requires its session nor has a staleness limit.
    /// - Returns: true if the read succeeded.
    @discardableResult
    func read(_ key: Int, at instance: APInstance, isPlain: Bool = false) async -> Bool {
        let callNs = world.nowNs
        if world.random.isTrue(percent: 3) { session.forget() }
        var request = ReadRequest(key: Bytes("k\(key)".utf8), deadlineNs: callNs + Self.deadlineNs)
        request.session = session.request
        if !isPlain, request.session.token != nil {
            request.session.isRequired = world.random.isTrue(percent: requests.requiredSessions)
        }
        if !isPlain, world.random.isTrue(percent: requests.freshReads) {
            request.maxStalenessMs = Int64(world.random.below(2_000))
        }
        let answer = await instance.read(request)
        var operation = APOperation(
            client: index, instance: instance.index, key: "k\(key)", call: .read, hasContext: false, result: .unknown,
            callNs: callNs, returnNs: world.nowNs)
        switch answer {
        case .success(let result)?:
            contexts[key] = result.version
            operation.result = .ok
            operation.value = result.value?.text
            operation.conflicts = result.conflicts.map { $0?.text }
            operation.replica = result.replica
            operation.stalenessMs = result.stalenessMs
            judge.didRead(result, request.key, maxStalenessMs: request.maxStalenessMs)
            let ageMs = result.stalenessMs ?? .max
            if let maxMs = requests.maxStalenessMs, ageMs > maxMs {
                judge.fail("\(request.key.text) was read at \(result.replica ?? "several"), which is left behind")
            }
            session.didRead(result, request.key, isRequired: request.session.isRequired)
        case .failure(let failure)?:
            if failure.code == .sessionUnmet || failure.code == .tooStale { operation.result = .unmet }
            // A read with a staleness limit may fail although a staler replica covers the session. So its failure is
            // not judged.
            if request.maxStalenessMs == nil { session.didFail(failure, request.key) }
        case nil: break
        }
        record(operation)
        return operation.result == .ok
    }

    /// - Returns: true if the change is known to be applied, or was a delete that found nothing.
    @discardableResult
    func change(
        _ key: Int, _ kind: ChangeRequest.Kind, ttlMs: Int64? = nil, context: String? = nil, at instance: APInstance
    ) async -> Bool {
        let callNs = world.nowNs
        var request = ChangeRequest(key: Bytes("k\(key)".utf8), kind: kind, deadlineNs: callNs + Self.deadlineNs)
        request.ttlMs = ttlMs
        request.context = context
        request.session = session.request
        let isDelete = kind == .delete
        if isDelete, request.session.token != nil {
            request.session.isRequired = world.random.isTrue(percent: requests.requiredSessions)
        }
        let intent = judge.willChange(request)
        let answer = await instance.change(request)
        var operation = APOperation(
            client: index, instance: instance.index, key: "k\(key)", call: isDelete ? .delete : .write,
            value: intent.value?.text, hasContext: context != nil, result: .unknown, callNs: callNs,
            returnNs: world.nowNs)
        if let answer { judge.didChange(intent, answer) }
        switch answer {
        case .success(let result)?:
            session.didChange(result, request.key, isDelete: isDelete, isRequired: request.session.isRequired)
            contexts[key] = result.version
            operation.result = result.existed || !isDelete ? .ok : .absent
            operation.replica = result.replica
            operation.conflicts = result.conflicts.map { $0?.text }
        case .failure(let failure)?:
            session.didFail(failure, request.key)
            if isDelete, context == nil, failure.code == .replicaFull {
                judge.fail("a delete of \(request.key.text) was rejected because memory is full")
            }
            if requests.mustChange, failure.code != .sessionUnmet {
                judge.fail("a change of \(request.key.text) failed although one replica answers: \(failure)")
            }
            if failure.outcome == .applied { operation.result = .applied }
            if failure.outcome == .notApplied { operation.result = .notApplied }
        case nil: break
        }
        record(operation)
        return operation.isAnswered
    }
}
