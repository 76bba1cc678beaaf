import Consistent
import Linearizability
import Replication

/// A recorded call as a request of the engine, and the engine's answer as a recorded result.
enum CPRequest {
    static func run(
        _ call: RecordedOperation.Call, key: String, on engine: ConsistentEngine, deadlineNs: UInt64,
        ttlMs: Int64? = nil,
        onFailure: (StoreFailure) -> Void = { _ in }
    ) async -> RecordedOperation.Result {
        let key = Bytes(key.utf8)
        do throws(StoreFailure) {
            guard call != .read else {
                let found = try await engine.read(ReadRequest(key: key, deadlineNs: deadlineNs))
                return .value(found.value.map { String(decoding: $0, as: UTF8.self) }, version: number(found.version))
            }
            var request = ChangeRequest(key: key, kind: .delete, deadlineNs: deadlineNs)
            switch call {
            case .read, .delete, .expire: break
            case .write(let value): request.kind = .write(Bytes(value.utf8))
            case .compareAndSet(let version, let value):
                request.kind = .write(Bytes(value.utf8))
                request.precondition = .versionIs([version])
            case .create(let value):
                request.kind = .write(Bytes(value.utf8))
                request.precondition = .absent
            }
            if case .write = call { request.ttlMs = ttlMs }
            let changed = try await engine.change(request)
            return changed.existed
                ? .applied(version: number(changed.version)) : .absent(version: number(changed.version))
        } catch {
            onFailure(error)
            if error.code == .preconditionFailed, let version = error.currentVersion {
                return .preconditionFailed(version: number(version))
            }
            return call == .read || error.outcome == .notApplied ? .notApplied : .unknown
        }
    }

    private static func number(_ version: Version) -> UInt64 {
        if case .counter(let number) = version { number } else { 0 }
    }
}
