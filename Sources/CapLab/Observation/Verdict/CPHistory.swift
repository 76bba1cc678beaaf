import Linearizability

/// Checks whether the last part of a history of `app-cp` is linearizable. The earlier part is unknown, and other
/// clients may write too, for example with curl.
///
/// The checker needs a complete history. Versions show which changes are missing, because each change raises the
/// version by one. For each version that no operation of the history created, a change with an unknown result is added.
/// A read of a lower version than an earlier operation shows remains a violation. Two changes with the same version
/// remain a violation too.
enum CPHistory {
    struct Result: Equatable, Sendable {
        /// Nil if the checker could not decide.
        var isLinearizable: Bool?
        /// The violations, at most ``maxViolations``, each with the operations that contradict each other.
        var violations: [Violation] = []
        /// The first violation, as text.
        var violation: String?
    }

    /// The most violations that one check reports. After each one, the checker searches again without the operation
    /// that no order explains.
    static let maxViolations = 3

    private static let maxConfigurations = 200_000
    /// The most missing changes of a key. With more, the key is not checked.
    private static let maxUnknownChanges = 300
    /// A key that is added to each history, with a pending write and a pending delete, so that it may have a tombstone
    /// of any version. It stands for tombstones of keys outside the history: once one is collected, the versions of
    /// absent keys continue from its version (rule C10).
    private static let collectedKey = "\u{0}collected"

    /// - Returns: the operation; nil if the answer shows nothing about the register.
    static func operation(_ answer: AnswerEvent, client: Int) -> RegisterOperation? {
        guard let (call, result) = callAndResult(answer.request, answer.reply) else { return nil }
        let callNs = UInt64(max(0, answer.tMs) * 1e6)
        return RegisterOperation(
            client: client, key: answer.request.key, call: call, result: result, callNs: callNs,
            returnNs: callNs + UInt64(max(0, answer.tookMs) * 1e6))
    }

    private static func callAndResult(
        _ request: AskRequest, _ reply: AnswerEvent.Reply
    ) -> (RegisterModel.Call, RegisterModel.Result)? {
        let version = reply.version.flatMap { UInt64($0) }
        let sent = request.value ?? ""
        switch (request.op, reply.status, version) {
        case (.read, 200, let version?): return (.read, .value(reply.value ?? "", version: version))
        case (.read, 404, let version?): return (.read, .value(nil, version: version))
        case (.read, _, _): return nil
        // A successful compare-and-set is checked as a write: the version of the change shows which version it
        // replaced.
        case (.write, 200, let version?), (.cas, 200, let version?):
            return (.write(sent), .applied(version: version))
        case (.delete, 200, let version?): return (.delete, .applied(version: version))
        case (.delete, 404, let version?): return (.delete, .absent(version: version))
        // The expected version does not matter, as long as it differs from the reported one.
        case (_, 412, let version?):
            return (.compareAndSet(version: 1 << 52, sent), .preconditionFailed(version: version))
        default: break
        }
        let isNotApplied =
            reply.outcome == "not_applied" || (reply.outcome == nil && (400..<500).contains(reply.status))
        guard !isNotApplied else { return nil }
        return (request.op == .delete ? .delete : .write(sent), .unknown)
    }

    // MARK: The check

    private static var checker: LinearizabilityChecker {
        var checker = LinearizabilityChecker()
        checker.maxConfigurations = maxConfigurations
        return checker
    }

    /// - Parameters:
    ///   - histories: the operations of each key, ordered by their requests.
    ///   - services: the services by the client number in the operations.
    static func check(_ histories: [String: [RegisterOperation]], services: [Node]) -> Result {
        var result = Result(isLinearizable: true)
        for (key, operations) in histories.sorted(by: { $0.key < $1.key }) {
            check(key, operations, services: services, &result)
            if result.violations.count >= maxViolations { break }
        }
        return result
    }

    /// Checks one key. After each violation, continues without the operation that no order explains.
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

    /// True if these operations alone contradict each other. False also if that cannot be decided.
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

    /// Adds operations with unknown results for the changes that are missing. Nil if too many are missing.
    static func completed(_ operations: [RegisterOperation], key: String) -> [RegisterOperation]? {
        var claimed: Set<UInt64> = []
        var seen: [UInt64: String?] = [:]
        var lowest = UInt64.max
        var highest: UInt64 = 0
        func observe(_ version: UInt64) { (lowest, highest) = (min(lowest, version), max(highest, version)) }
        for operation in operations {
            switch operation.result {
            // A read of a key without a record may return version 0, even if the key had versions before (rule C10).
            case .value(nil, version: 0), .notApplied, .unknown: break
            case .value(let value, let version):
                // If there are two values for one version, keep the first one, so that the second is the violation.
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
        // The window may begin with a state of version 1 or 2, which no collected tombstone explains. So add two writes
        // that may have created it.
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
    /// An undecided key makes the whole result undecided, unless another key has a violation.
    fileprivate mutating func noteUndecided() { if self == true { self = nil } }
}
