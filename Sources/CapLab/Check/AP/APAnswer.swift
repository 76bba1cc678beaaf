/// An answer of `app-ap` as a recorded operation.
enum APAnswer {
    /// The values that an answer shows: all siblings of a conflict, else the one value, if any.
    static func shown(_ answer: Answer) -> [String] {
        let siblings = answer.conflicts.sorted()
        if !siblings.isEmpty { return siblings }
        return answer.value.map { [$0] } ?? []
    }

    /// Whether a valid request got what it asked for; that there is no such key is an answer too.
    static func isAnswered(_ kind: APOperation.Kind, _ result: HTTPResult) -> Bool {
        guard case .answer(let answer) = result else { return false }
        return answer.status == 200 || (answer.status == 404 && kind != .write)
    }

    /// Fills in what came back.
    static func note(_ result: HTTPResult, in operation: inout APOperation, returnNs: UInt64) {
        operation.returnNs = returnNs
        switch result {
        case .notSent: operation.outcome = .notApplied
        case .lost: operation.outcome = operation.kind == .read ? .notApplied : .unknown
        case .answer(let answer) where operation.kind == .read:
            operation.outcome = isAnswered(.read, result) ? .ok : .notApplied
            operation.shown = shown(answer)
            operation.stalenessMs = answer.stalenessMs
        case .answer(let answer):
            operation.replicasAcked = answer.replicasAcked ?? 0
            operation.replica = answer.replica
            switch answer.outcome {
            case "applied": operation.outcome = .ok
            case "not_applied": operation.outcome = .notApplied
            case nil where (400..<500).contains(answer.status): operation.outcome = .notApplied
            default: operation.outcome = .unknown
            }
        }
    }

    /// "503 no_replica, 12 ms".
    static func text(_ result: HTTPResult) -> String {
        switch result {
        case .answer(let answer): answer.summary
        case .notSent: "connection refused"
        case .lost: "no answer"
        }
    }
}
