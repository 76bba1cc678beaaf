import Linearizability

/// Converts an operation to a request to `app-cp`, and an answer to the result of the operation.
enum CPAnswer {
    static func request(
        _ call: RegisterOperation.Call, service: String, key: String, ttlMs: UInt64? = nil
    ) -> AskRequest {
        switch call {
        case .read: return AskRequest(service: service, op: .read, key: key)
        case .delete: return AskRequest(service: service, op: .delete, key: key)
        case .write(let value):
            return AskRequest(service: service, op: .write, key: key, value: value, ttlMs: ttlMs)
        case .compareAndSet(let version, let value):
            return AskRequest(service: service, op: .cas, key: key, value: value, version: "\(version)")
        case .create(let value): return AskRequest(service: service, op: .cas, key: key, value: value)
        case .expire: preconditionFailure("no client calls an expiry")
        }
    }

    static func result(_ call: RegisterOperation.Call, _ answer: Answer) -> RegisterOperation.Result {
        guard answer.isSent else { return .notApplied }
        let isRead = call == .read
        switch (answer.status, answer.version.flatMap { UInt64($0.text) }) {
        case (200, let version?): return isRead ? .value(answer.value, version: version) : .applied(version: version)
        case (404, let version?): return isRead ? .value(nil, version: version) : .absent(version: version)
        case (412, let version?): return .preconditionFailed(version: version)
        default: return isRead || answer.isNotApplied ? .notApplied : .unknown
        }
    }

    /// The table column in which a result is counted.
    static func outcome(_ result: RegisterOperation.Result) -> String {
        switch result {
        case .value, .applied, .absent: "ok"
        case .preconditionFailed: "412"
        case .notApplied: "not applied"
        case .unknown: "unknown"
        }
    }

    /// The table row in which an operation is counted.
    static func kind(_ call: RegisterOperation.Call) -> String {
        switch call {
        case .read: "read"
        case .write: "write"
        case .delete: "delete"
        case .compareAndSet: "compare-and-set"
        case .create: "create"
        case .expire: "expire"
        }
    }
}
