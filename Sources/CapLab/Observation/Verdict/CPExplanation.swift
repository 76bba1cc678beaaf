import Linearizability

/// Explains why a history is not linearizable, by a few operations that contradict each other.
///
/// A few operations of a history explain the violation if they alone are not linearizable, whatever the other
/// operations were.
enum CPExplanation {
    /// The most searches per violation: up to two per operation of a key in the window.
    private static let maxSearches = 200

    /// - Parameters:
    ///   - prefix: the shortest prefix that is not linearizable.
    ///   - services: the services by the client number in the operations.
    static func violation(_ prefix: FailingPrefix<RegisterModel>, key: String, services: [Node]) -> Violation {
        let culprit = prefix.culprit
        let evidence = evidence(against: culprit, among: prefix.operations, key: key)
        let kind = evidence.count == 1 ? kind(culprit, evidence[0]) : .contradiction
        let shown = evidence.suffix(Violation.maxOperations - 1) + [culprit]
        return Violation(
            store: .cp, kind: kind, key: key, operations: shown.map { operation($0, services: services) })
    }

    /// The operations that contradict the culprit, in the order of their requests. If a single operation suffices,
    /// returns only that one, a change rather than a read. Empty if none was found within ``maxSearches``.
    private static func evidence(
        against culprit: RegisterOperation, among operations: [RegisterOperation], key: String
    ) -> [RegisterOperation] {
        let candidates = operations.filter {
            // Leave out operations with a negative client. ``CPHistory`` has added them for missing changes.
            $0.client >= 0 && $0.key == key && $0 != culprit && !$0.isPending
        }
        let latestFirst = candidates.sorted { $0.returnNs > $1.returnNs }
        var searches = 0
        func contradicts(_ part: [RegisterOperation]) -> Bool {
            searches += 1
            return searches <= maxSearches && CPHistory.isViolated(part + [culprit], key: key)
        }
        for changes in [true, false] {
            for candidate in latestFirst where (candidate.call != .read) == changes && contradicts([candidate]) {
                return [candidate]
            }
        }
        guard contradicts(candidates) else { return [] }
        var needed = candidates
        for candidate in candidates {
            let rest = needed.filter { $0 != candidate }
            if contradicts(rest) { needed = rest }
        }
        return needed.sorted { $0.callNs < $1.callNs }
    }

    private static func kind(_ culprit: RegisterOperation, _ other: RegisterOperation) -> Violation.Kind {
        switch (culprit.result, other.result) {
        case (.value, .applied), (.value, .value), (.value, .absent): .staleRead
        case (.applied(let version), .applied(let otherVersion)) where version == otherVersion: .sameVersion
        default: .contradiction
        }
    }

    private static func operation(_ operation: RegisterOperation, services: [Node]) -> Violation.Operation {
        let isKnown = services.indices.contains(operation.client)
        var shown = Violation.Operation(
            service: isKnown ? services[operation.client].name : "", op: op(operation.call),
            calledUs: Int64(operation.callNs / 1_000), returnedUs: Int64(operation.returnNs / 1_000))
        shown.sent = written(operation.call)
        switch operation.result {
        case .value(let value, let version):
            shown.value = value
            shown.version = "\(version)"
        case .applied(let version), .absent(let version), .preconditionFailed(let version):
            shown.version = "\(version)"
        case .notApplied, .unknown: break
        }
        return shown
    }

    private static func written(_ call: RegisterModel.Call) -> String? {
        switch call {
        case .write(let value), .compareAndSet(_, let value), .create(let value): value
        case .read, .delete, .expire: nil
        }
    }

    private static func op(_ call: RegisterModel.Call) -> AnswerEvent.Operation {
        switch call {
        case .read: .read
        case .write, .create: .write
        case .compareAndSet: .cas
        case .delete, .expire: .delete
        }
    }
}
