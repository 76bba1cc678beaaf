import Linearizability

/// The verdict on a history of `app-cp`.
struct CPVerdict {
    private(set) var violations: [String] = []
    /// Of the first key that is not linearizable.
    private(set) var failingPrefix: FailingPrefix<RegisterModel>?
    private(set) var keys = 0

    private static let shownOperations = 24

    /// - Parameter history: of a group from the beginning.
    init(_ history: [RegisterOperation]) {
        let checker = LinearizabilityChecker()
        let verdicts = checker.check(history)
        keys = verdicts.count
        for (key, verdict) in verdicts {
            switch verdict {
            case .linearizable: break
            case .undecided:
                let count = history.count { $0.key == key }
                violations.append("key \(key): undecided, its \(count) operations allow too many orders")
            case .violation:
                violations.append("key \(key) is not linearizable")
                if failingPrefix == nil { failingPrefix = checker.failingPrefix(of: key, in: history) }
            }
        }
    }

    /// The end of the failing prefix as a table, the unexplained operation last.
    var tableOfFailingPrefix: String? {
        guard let prefix = failingPrefix else { return nil }
        let shown =
            prefix.operations.filter { $0 != prefix.culprit }.suffix(Self.shownOperations - 1) + [prefix.culprit]
        let startNs = shown.map(\.callNs).min() ?? 0
        let rows = shown.map { operation in
            let text = RegisterModel.describe(operation)
            return [
                Self.ms(operation.callNs - startNs), operation.isPending ? "-" : Self.ms(operation.returnNs - startNs),
                "client \(operation.client)", text.call, text.result,
            ]
        }
        let title =
            shown.count < prefix.operations.count ? "The last \(shown.count) of \(prefix.operations.count)" : "All"
        return "\(title) operations of key \(prefix.culprit.key), up to the first that no order explains:\n\n"
            + TextLayout.table([["CALL MS", "RETURN MS", "CLIENT", "CALL", "RESULT"]] + rows)
    }

    private static func ms(_ durationNs: UInt64) -> String {
        let micro = durationNs / 1_000
        let rest = String(micro % 1_000)
        return "\(micro / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}
