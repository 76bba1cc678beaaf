import Linearizability

/// Judges a history of `app-cp`, and says what was found for people.
struct CPVerdict {
    private(set) var violations: [String] = []
    /// The shortest failing part of the first key that is not linearizable.
    private(set) var failingPrefix: FailingPrefix<RegisterModel>?
    private(set) var keys = 0

    private static let shownOperations = 24

    /// - Parameter history: of a group from its beginning.
    init(_ history: [RegisterOperation]) {
        let checker = LinearizabilityChecker()
        let verdicts = checker.check(history)
        keys = verdicts.count
        for (key, verdict) in verdicts {
            switch verdict {
            case .linearizable: break
            case .undecided:
                let count = history.count { $0.key == key }
                violations.append("key \(key): not decided, its \(count) operations allow too many orders")
            case .violation:
                violations.append("key \(key) is not linearizable")
                if failingPrefix == nil { failingPrefix = checker.failingPrefix(of: key, in: history) }
            }
        }
    }

    /// The end of the failing part as a table, the operation that does not fit last.
    var shortestFailingPrefix: String? {
        guard let part = failingPrefix else { return nil }
        let shown = part.operations.filter { $0 != part.culprit }.suffix(Self.shownOperations - 1) + [part.culprit]
        let startNs = shown.map(\.callNs).min() ?? 0
        let rows = shown.map { operation in
            [
                Self.ms(operation.callNs - startNs),
                operation.result == .unknown ? "open" : Self.ms(operation.returnNs - startNs),
                "client \(operation.client)", Self.text(operation.call), Self.text(operation.result),
            ]
        }
        let title = shown.count < part.operations.count ? "The last \(shown.count) of \(part.operations.count)" : "All"
        return "\(title) operations of key \(part.culprit.key) up to the one that does not fit:\n\n"
            + Table.text([["CALL MS", "RETURN MS", "CLIENT", "CALLED", "GOT"]] + rows)
    }

    private static func text(_ call: RegisterOperation.Call) -> String {
        switch call {
        case .read: "read"
        case .write(let value): "write \(value)"
        case .delete: "delete"
        case .compareAndSet(let version, let value): "write \(value) if version is \(version)"
        case .create(let value): "write \(value) if there is none"
        case .expire(let value): "end of \(value)"
        }
    }

    private static func text(_ result: RegisterOperation.Result) -> String {
        switch result {
        case .value(let value, let version): "\(value ?? "nothing"), version \(version)"
        case .applied(let version): "applied, version \(version)"
        case .absent(let version): "nothing there, version \(version)"
        case .preconditionFailed(let version): "condition failed, version \(version)"
        case .notApplied: "not applied"
        case .unknown: "unknown"
        }
    }

    private static func ms(_ durationNs: UInt64) -> String {
        let micro = durationNs / 1_000
        let rest = String(micro % 1_000)
        return "\(micro / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}
