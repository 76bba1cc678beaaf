import Logging
import Replication
import Telemetry

/// What a client asked to do with a key.
enum ChangeKind: String {
    case write, delete
}

/// The event `WRITE`: which key was changed, and what came of it. Successes are at `debug` (at full load they are tens
/// of thousands per second), rejections at `notice`, and unknown outcomes at `warning`.
enum ChangeLog {
    static func note(_ key: Bytes, _ kind: ChangeKind, _ failure: StoreFailure?, logger: Logger) {
        guard let failure else {
            logger.event(.write, .debug, "applied", fields(key, kind, .applied))
            return
        }
        let outcome = failure.outcome ?? .unknown
        logger.event(
            .write, outcome == .unknown ? .warning : failure.code == .preconditionFailed ? .debug : .notice, "refused",
            fields(key, kind, outcome).merging(["code": .string(failure.code.rawValue)]) { $1 })
    }

    /// Keys are bytes; those that are no text appear with replacement characters.
    private static func fields(_ key: Bytes, _ kind: ChangeKind, _ outcome: Outcome) -> Logger.Metadata {
        [
            "key": .string(String(decoding: key, as: UTF8.self)), "kind": .string(kind.rawValue),
            "outcome": .string(outcome.rawValue),
        ]
    }
}
