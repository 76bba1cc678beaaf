import Linearizability

/// Checks the history of one key of `app-ap` by what its clients observed, without decoding contexts.
///
/// A change with a context replaces the values in the answer that had this context, and what those had replaced, and
/// nothing else. A write without a context replaces what its coordinator holds: a client only knows that it was not
/// written later.
struct KeyChecker {
    private let key: String
    private let reads: [APOperation]
    /// Writes and deletes, by the time of their call.
    private let changes: [APOperation]
    private let indexOfValue: [String: Int]
    /// By change: itself, and all that it replaced by its context, directly or not.
    private var covered: [OperationSet] = []
    /// Some change has no context.
    private let isBlind: Bool
    /// See ``APVerdict/mayBeLost(_:byKills:)``.
    private let mayBeLostByKills: (APOperation) -> Bool

    /// A service reads its clock once per turn of its reactor and reports whole milliseconds.
    static let stalenessToleranceNs: UInt64 = 20_000_000

    init(_ key: String, _ operations: [APOperation], mayBeLostByKills: @escaping (APOperation) -> Bool) {
        self.key = key
        self.mayBeLostByKills = mayBeLostByKills
        reads = operations.filter { $0.kind == .read && $0.outcome == .ok }
        changes = operations.filter { $0.kind != .read }.sorted { $0.callNs < $1.callNs }
        isBlind = changes.contains { !$0.hasContext }
        indexOfValue = Dictionary(
            changes.enumerated().compactMap { index, change in change.value.map { ($0, index) } },
            uniquingKeysWith: { first, _ in first })
        for (index, change) in changes.enumerated() {
            var set = OperationSet(count: changes.count)
            set.insert(index)
            // Changes are sorted by call, so the sets of what it had observed exist already.
            for value in change.shown {
                if let older = indexOfValue[value], older < index { set.formUnion(covered[older]) }
            }
            covered.append(set)
        }
    }

    // MARK: Reads

    var inventedReads: [String] { reads.flatMap { invented($0.shown, untilNs: $0.returnNs, what: "a read") } }
    var staleReads: [String] { reads.compactMap(stalenessViolation) }

    /// Every value must come from a write to this key that was called before the read and not reported as not applied.
    func invented(_ values: [String], untilNs: UInt64, what: String) -> [String] {
        values.compactMap { value in
            guard let index = indexOfValue[value], changes[index].callNs <= untilNs else {
                return "\(key): \(what) returned \(value), which no client had written"
            }
            return changes[index].outcome == .notApplied
                ? "\(key): \(what) returned \(value), whose write was reported as not applied" : nil
        }
    }

    /// The answer must include every write acknowledged before the read's call minus its staleness.
    private func stalenessViolation(of read: APOperation) -> String? {
        guard let stalenessMs = read.stalenessMs else { return nil }
        let windowNs = UInt64(max(0, stalenessMs) * 1_000_000) + Self.stalenessToleranceNs
        guard read.callNs > windowNs else { return nil }
        let boundNs = read.callNs - windowNs
        let seen = reached(from: read.shown, untilNs: read.returnNs)
        let missing = changes.indices.first { index in
            let change = changes[index]
            return change.kind == .write && change.outcome == .ok && change.returnNs < boundNs
                && !mayBeLostByKills(change) && !isKept(index, seen, values: read.shown)
        }
        guard let missing else { return nil }
        let ageMs = (read.callNs - changes[missing].returnNs) / 1_000_000
        return
            "\(key): a read with staleness_ms \(Int(stalenessMs)) lacks \(changes[missing].value ?? ""), "
            + "acknowledged \(ageMs) ms before it"
    }

    // MARK: The final state

    /// The acknowledged writes that are lost although they must not be, and how many others kills may explain.
    /// - Parameter final: the values after heal and convergence.
    func losses(_ final: [String]) -> (lost: [String], byKills: Int) {
        let seen = reached(from: final, untilNs: .max)
        let missing = changes.indices.filter { index in
            let change = changes[index]
            return change.kind == .write && change.outcome == .ok && !isKept(index, seen, values: final)
        }.map { changes[$0] }
        let lost = missing.filter { !mayBeLostByKills($0) }.map { change in
            "\(key): \(change.value ?? "") is lost: acknowledged by \(change.replicasAcked), neither present nor "
                + "replaced by a client that had read it"
        }
        return (lost, missing.count - lost.count)
    }

    /// All changes that the values cover. A delete leaves no value, so every delete that may have taken effect counts.
    private func reached(from values: [String], untilNs: UInt64) -> OperationSet {
        var set = OperationSet(count: changes.count)
        for value in values {
            if let index = indexOfValue[value] { set.formUnion(covered[index]) }
        }
        for (index, change) in changes.enumerated()
        where change.kind == .delete && change.outcome != .notApplied && change.callNs <= untilNs {
            set.formUnion(covered[index])
        }
        return set
    }

    private func isKept(_ index: Int, _ seen: OperationSet, values: [String]) -> Bool {
        if seen.contains(index) { return true }
        guard isBlind else { return false }
        // A write without a context may have replaced it: one of the values was not written before it.
        return values.contains { value in
            guard let other = indexOfValue[value] else { return false }
            return changes[other].outcome == .unknown || changes[other].returnNs > changes[index].callNs
        }
    }
}
