import Consistent
import Linearizability
import Replication

/// A recorded call as a request of the engine, and the engine's answer as a recorded result.
enum CPRequest {
    static func run(
        _ call: RegisterOperation.Call, key: String, on engine: ConsistentEngine, deadlineNs: UInt64,
        ttlMs: Int64? = nil,
        onFailure: (StoreFailure) -> Void = { _ in }
    ) async -> RegisterOperation.Result {
        let key = Bytes(key.utf8)
        do throws(StoreFailure) {
            guard call != .read else {
                let found = try await engine.read(ReadRequest(key: key, deadlineNs: deadlineNs))
                return .value(found.value.map { String(decoding: $0, as: UTF8.self) }, version: found.version)
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
            return switch try await engine.change(request) {
            case .applied(let version, _): .applied(version: version)
            case .absent(let version): .absent(version: version)
            case .preconditionFailed(let version, _): .preconditionFailed(version: version)
            }
        } catch {
            onFailure(error)
            return call == .read || error.outcome == .notApplied ? .notApplied : .unknown
        }
    }
}
