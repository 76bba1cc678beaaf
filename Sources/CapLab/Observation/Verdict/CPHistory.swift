import Linearizability

/// Checks whether the end of a history of `app-cp` is linearizable, although its beginning is not known and others may
/// write too, for example with curl.
///
/// The checker needs a history from the beginning, with all operations. Versions show what is missing: each change
/// raises the version by one. For each version that no operation of the window made, a write with an unknown result is
/// added. A read that goes back in versions, or two changes with one version, stay violations.
enum CPHistory {
    struct Result: Equatable, Sendable {
        /// Nil if the checker could not decide.
        var isLinearizable: Bool?
        /// At most ``maxViolations``, each with the operations that contradict each other.
        var violations: [Violation] = []
        /// The first of them, for people.
        var violation: String?
    }

    /// Found in one check. A checker that finds one has to search again without it.
    static let maxViolations = 3

    private static let maxConfigurations = 200_000
    /// A key with more changes by others is not decided.
    private static let maxUnknownChanges = 300
    /// With one pending write and delete, it may have a tombstone of any version. After garbage collection of such a
    /// tombstone versions of an absent key go on from there (rule C10).
    private static let collectedKey = "\u{0}collected"

    /// - Returns: nil for a request that says nothing about the register.
    static func operation(_ answer: AnswerEvent, client: Int) -> RegisterOperation? {
        guard let (call, result) = callAndResult(answer) else { return nil }
        let callNs = UInt64(max(0, answer.tMs) * 1e6)
        return RegisterOperation(
            client: client, key: answer.key, call: call, result: result, callNs: callNs,
            returnNs: callNs + UInt64(max(0, answer.tookMs) * 1e6))
    }

    private static func callAndResult(
        _ answer: AnswerEvent
    ) -> (RegisterModel.Call, RegisterModel.Result)? {
        let version = answer.version.flatMap { UInt64($0) }
        let sent = answer.sent ?? ""
        switch (answer.op, answer.status, version) {
        case (.read, 200, let version?): return (.read, .value(answer.value ?? "", version: version))
        case (.read, 404, let version?): return (.read, .value(nil, version: version))
        case (.read, _, _): return nil
        // The event lacks the condition of a compare-and-set, but the version of its change shows what it replaced.
        case (.write, 200, let version?), (.cas, 200, let version?):
            return (.write(sent), .applied(version: version))
        case (.delete, 200, let version?): return (.delete, .applied(version: version))
        case (.delete, 404, let version?): return (.delete, .absent(version: version))
        // The expected version is not part of the event; any version but the reported one will do.
        case (_, 412, let version?):
            return (.compareAndSet(version: 1 << 52, sent), .preconditionFailed(version: version))
        default: break
        }
        let isNotApplied =
            answer.outcome == "not_applied" || (answer.outcome == nil && (400..<500).contains(answer.status))
        guard !isNotApplied else { return nil }
        return (answer.op == .delete ? .delete : .write(sent), .unknown)
    }

    // MARK: The check

    private static var checker: LinearizabilityChecker {
        var checker = LinearizabilityChecker()
        checker.maxConfigurations = maxConfigurations
        return checker
    }

    /// - Parameters:
    ///   - histories: the operations of each key, by call.
    ///   - services: by the client number of the operations.
    static func check(_ histories: [String: [RegisterOperation]], services: [Node]) -> Result {
        var result = Result(isLinearizable: true)
        for (key, operations) in histories.sorted(by: { $0.key < $1.key }) {
            check(key, operations, services: services, &result)
            if result.violations.count >= maxViolations { break }
        }
        return result
    }

    /// Checks one key. After each violation it goes on without the operation that no order explains.
    private static func check(
        _ key: String, _ operations: [RegisterOperation], services: [Node], _ result: inout Result
    ) {
        var rest = operations
        while result.violations.count < maxViolations {
            guard let whole = completed(rest, key: key) else { return result.isLinearizable.noteUndecided() }
            switch checker.check(whole).first(where: { $0.key == key })?.verdict {
            case .linearizable, nil: return
            case .undecided: return result.isLinearizable.noteUndecided()
            case .violation: break
            }
            result.isLinearizable = false
            let prefix = checker.failingPrefix(of: key, in: whole)
            result.violation = result.violation ?? describe(key, prefix?.culprit)
            guard let prefix, let place = rest.firstIndex(of: prefix.culprit) else { return }
            result.violations.append(CPExplanation.violation(prefix, key: key, services: services))
            rest.remove(at: place)
        }
    }

    /// Whether these operations alone contradict each other. False if that cannot be decided.
    static func isViolated(_ operations: [RegisterOperation], key: String) -> Bool {
        guard let whole = completed(operations, key: key) else { return false }
        if case .violation? = checker.check(whole).first(where: { $0.key == key })?.verdict { return true }
        return false
    }

    private static func describe(_ key: String, _ culprit: RegisterOperation?) -> String {
        guard let culprit else { return "\(key): no order explains the answers" }
        let text = RegisterModel.describe(culprit)
        let second = Double(culprit.callNs / 100_000_000) / 10
        return "\(key): \(text.call) at \(second) s returned \(text.result), which no order of the operations explains"
    }

    /// The operations, with unknown ones for what is missing; nil if too much is.
    static func completed(_ operations: [RegisterOperation], key: String) -> [RegisterOperation]? {
        var claimed: Set<UInt64> = []
        var seen: [UInt64: String?] = [:]
        var lowest = UInt64.max
        var highest: UInt64 = 0
        func observe(_ version: UInt64) { (lowest, highest) = (min(lowest, version), max(highest, version)) }
        for operation in operations {
            switch operation.result {
            // Version 0 of an absent key says nothing about the version.
            case .value(nil, version: 0), .notApplied, .unknown: break
            case .value(let value, let version):
                // Of two values for one version the first counts, so that the second is the violation.
                if seen[version] == nil { seen[version] = value }
                observe(version)
            case .absent(let version):
                seen[version] = .some(nil)
                observe(version)
            case .preconditionFailed(let version): observe(version)
            case .applied(let version):
                claimed.insert(version)
                if version > 0 { observe(version - 1) }
                observe(version)
            }
        }
        var whole = operations
        func add(_ call: RegisterModel.Call, to key: String) {
            whole.append(RegisterOperation(client: -1, key: key, call: call, result: .unknown, callNs: 0, returnNs: 0))
        }
        add(.write("-"), to: collectedKey)
        add(.delete, to: collectedKey)
        guard lowest <= highest else { return whole }
        let missing = (max(1, lowest)...max(1, highest)).lazy.filter { !claimed.contains($0) }
        guard missing.prefix(maxUnknownChanges + 1).count <= maxUnknownChanges else { return nil }
        // The state before the window: version 1 or 2 cannot be a collected tombstone's.
        for number in 1...2 { add(.write("\u{0}before \(number)"), to: key) }
        var pending = operations.filter(\.isPending).map(\.call)
        for version in missing {
            switch seen[version] {
            case .some(.some(let value)):
                if let own = pending.firstIndex(of: .write(value)) {
                    pending.remove(at: own)
                } else {
                    add(.write(value), to: key)
                }
            case .some(.none): add(.delete, to: key)
            case nil: add(.write("\u{0}other \(version)"), to: key)
            }
        }
        return whole
    }
}

extension Bool? {
    /// One undecided key leaves the whole undecided, unless another key is violated.
    fileprivate mutating func noteUndecided() { if self == true { self = nil } }
}
