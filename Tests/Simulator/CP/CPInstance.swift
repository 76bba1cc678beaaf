import Consistent
import Linearizability
import Replication

extension ConsistentEngine: SimulatedEngine {}

/// One instance of `app-cp`.
typealias CPInstance = SimulatedService<ConsistentEngine>

extension CPInstance {
    convenience init(
        index: Int, world: World, replicas: [SimulatedReplica], near: Set<Int>,
        settings: ConsistentSettings = ConsistentSettings()
    ) {
        self.init(index: index, world: world, replicas: replicas, near: near, scripts: ConsistentScripts.all) {
            ConsistentEngine(group: $0, scheduler: $1, settings: settings)
        }
    }

    /// Performs a client's call, and returns the result in the form that a history records.
    func result(
        of call: RegisterOperation.Call, key: String, deadlineNs: UInt64, ttlMs: Int64? = nil,
        onFailure: @escaping (StoreFailure) -> Void = { _ in }
    ) async -> RegisterOperation.Result {
        // An instance that is not running refuses the connection, so nothing was sent.
        guard isRunning else { return .notApplied }
        let answer = await run { engine in
            do throws(StoreFailure) {
                return try await Self.ask(engine, call, Bytes(key.utf8), deadlineNs: deadlineNs, ttlMs: ttlMs)
            } catch {
                onFailure(error)
                return call == .read || error.outcome == .notApplied ? .notApplied : .unknown
            }
        }
        return answer ?? (call == .read ? .notApplied : .unknown)
    }

    private static func ask(
        _ engine: ConsistentEngine, _ call: RegisterOperation.Call, _ key: Bytes, deadlineNs: UInt64, ttlMs: Int64?
    ) async throws(StoreFailure) -> RegisterOperation.Result {
        var request = ChangeRequest(key: key, kind: .delete, deadlineNs: deadlineNs)
        switch call {
        case .read:
            let found = try await engine.read(ReadRequest(key: key, deadlineNs: deadlineNs))
            return .value(found.value?.text, version: found.version)
        case .delete, .expire: break
        case .write(let value):
            request.kind = .write(Bytes(value.utf8))
            request.ttlMs = ttlMs
        case .compareAndSet(let version, let value):
            request.kind = .write(Bytes(value.utf8))
            request.precondition = .versionIs([version])
        case .create(let value):
            request.kind = .write(Bytes(value.utf8))
            request.precondition = .absent
        }
        return switch try await engine.change(request) {
        case .applied(let version, _): .applied(version: version)
        case .absent(let version): .absent(version: version)
        case .preconditionFailed(let version, _): .preconditionFailed(version: version)
        }
    }
}
