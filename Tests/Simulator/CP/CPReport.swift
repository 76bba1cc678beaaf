import Linearizability

extension RegisterOperation: SimulatedOperation {
    public var isAnswered: Bool { result != .unknown && result != .notApplied }

    public var resultName: String {
        switch result {
        case .value: "read"
        case .applied: "applied"
        case .absent: "absent"
        case .preconditionFailed: "precondition failed"
        case .notApplied: "not applied"
        case .unknown: "unknown"
        }
    }
}

extension SimulationReport<RegisterOperation> {
    /// Every key must be linearizable.
    mutating func judge() {
        for (key, verdict) in LinearizabilityChecker().check(history) {
            switch verdict {
            case .linearizable: break
            case .violation(let stuckAt):
                violations.append(
                    "key \(key) is not linearizable; stuck at "
                        + stuckAt.prefix(4).map { "\($0.call) -> \($0.result) at \($0.callNs / 1_000) us" }
                        .joined(separator: ", "))
            case .undecided: undecided.append("key \(key): the checker could not decide")
            }
        }
    }
}
