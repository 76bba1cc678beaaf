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
        /// The operation that no order explains, for people.
        var violation: String?
    }

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

    /// - Parameter histories: the operations of each key, by call.
    static func check(_ histories: [String: [RegisterOperation]]) -> Result {
        var checker = LinearizabilityChecker()
        checker.maxConfigurations = maxConfigurations
        var result = Result(isLinearizable: true)
        for (key, operations) in histories.sorted(by: { $0.key < $1.key }) {
            guard let whole = completed(operations, key: key) else {
                result.isLinearizable = nil
                continue
            }
            let verdict = checker.check(whole).first { $0.key == key }?.verdict
            switch verdict {
            case .linearizable, nil: break
            case .undecided: result.isLinearizable = nil
            case .violation:
                let culprit = checker.failingPrefix(of: key, in: whole)?.culprit
                return Result(isLinearizable: false, violation: describe(key, culprit))
            }
        }
        return result
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
                seen[version] = value
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
