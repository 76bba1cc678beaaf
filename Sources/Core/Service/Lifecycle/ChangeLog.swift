import Logging
import Replication
import Telemetry

/// The event `WRITE`: who changed what, and what came of it. Successes at `debug` (at full load they are tens of thousands a
/// second), refusals at `notice`, and what cannot be told to have happened at `warning`.
enum ChangeLog {
    static func note(_ change: ChangeRequest, _ failure: StoreFailure?, logger: Logger) {
        guard let failure else {
            logger.event(.write, .debug, "applied", fields(of: change, outcome: .applied))
            return
        }
        let outcome = failure.outcome ?? .unknown
        logger.event(
            .write, outcome == .unknown ? .warning : failure.code == .preconditionFailed ? .debug : .notice, "refused",
            fields(of: change, outcome: outcome).merging(["code": .string(failure.code.rawValue)]) { $1 })
    }

    private static func fields(of change: ChangeRequest, outcome: Outcome) -> Logger.Metadata {
        let kind =
            switch change.kind {
            case .write: "write"
            case .delete: "delete"
            }
        // Keys are bytes; what is not text shows as replacement characters.
        return [
            "key": .string(String(decoding: change.key, as: UTF8.self)), "kind": .string(kind),
            "outcome": .string(outcome.rawValue),
        ]
    }
}
