import Linearizability

/// Judges a history of `app-cp`.
struct CPVerdict {
    private(set) var violations: [String] = []
    /// For the first key whose history is not linearizable: the shortest prefix of the history that is not
    /// linearizable. Nil if there is no such key.
    private(set) var failingPrefix: FailingPrefix<RegisterModel>?
    private(set) var keys = 0
    let operations: Int
    /// Nil if no violation was found, but the checker could not decide a key within its limits.
    private(set) var isLinearizable: Bool? = true

    private static let shownOperations = 24

    /// - Parameter history: all operations since the group was created.
    init(_ history: [RegisterOperation]) {
        let checker = LinearizabilityChecker()
        operations = history.count
        let verdicts = checker.check(history)
        keys = verdicts.count
        for (key, verdict) in verdicts {
            switch verdict {
            case .linearizable: break
            case .undecided:
                if isLinearizable == true { isLinearizable = nil }
                let count = history.count { $0.key == key }
                violations.append("key \(key): undecided, its \(count) operations allow too many orders")
            case .violation:
                isLinearizable = false
                violations.append("key \(key) is not linearizable")
                if failingPrefix == nil { failingPrefix = checker.failingPrefix(of: key, in: history) }
            }
        }
    }

    /// The end of the failing prefix as a table. The operation that no order explains is last.
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

    private static func ms(_ durationNs: UInt64) -> String { "\(Double(durationNs / 1_000) / 1_000)" }
}

/// Checks a counter that clients raise by compare-and-set. It needs no search, so it also finds violations in histories
/// that the linearizability checker cannot decide. It detects lost and repeated increments, as far as unknown outcomes
/// allow.
struct CounterTally {
    /// By counter value: how many clients got an acknowledgement for setting it.
    private var applied: [Int: Int] = [:]
    private(set) var increments = 0
    private(set) var unknown = 0

    mutating func noteApplied(_ count: Int) {
        applied[count, default: 0] += 1
        increments += 1
    }

    mutating func noteUnknown() { unknown += 1 }

    /// - Parameter final: the counter's value at the end; 0 if the counter does not exist.
    func violations(final: Int) -> [String] {
        var found: [String] = []
        for (count, clients) in applied.sorted(by: { $0.key < $1.key }) where clients > 1 {
            found.append("\(clients) clients set the counter to \(count): an increment is lost")
        }
        if final < increments {
            found.append("the counter is \(final) after \(increments) acknowledged increments")
        }
        if final > increments + unknown {
            found.append(
                "the counter is \(final) after \(increments) acknowledged increments and \(unknown) with an unknown outcome"
            )
        }
        return found
    }

    /// The count in a stored value such as "17-c3-120". The rest makes the value unique, as the linearizability checker
    /// requires.
    static func count(of value: String) -> Int { value.split(separator: "-").first.flatMap { Int($0) } ?? 0 }
}
