import Linearizability

/// Checks the history of one key of `app-ap`, using only what clients observed. It does not decode contexts.
///
/// A change with a context replaces the values in the answer from which the context came, and also the values that
/// these had replaced. A write without a context replaces every value that its coordinator stores. The checker does not
/// know these values. It knows only that the write of each of them was sent before the replacing write was answered.
struct KeyChecker {
    private let key: String
    private let reads: [APOperation]
    /// Writes and deletes, ordered by the time of their request.
    private let changes: [APOperation]
    private let indexOfValue: [String: Int]
    /// For each change: itself and all changes that it replaced by its context, directly or indirectly.
    private var covered: [OperationSet] = []
    /// True if at least one change of the key has no context.
    private let isBlind: Bool
    /// Returns true if kills of redis-servers may explain the loss of a change, see
    /// ``APVerdict/mayBeLost(_:byKills:)``.
    private let mayBeLostByKills: (APOperation) -> Bool

    /// Allowance for the service's clock: the service reads it once per turn of its event loop, and rounds staleness to
    /// milliseconds.
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
            // Changes are sorted by request time. So the sets of all changes whose values this change's client had read
            // already exist.
            for value in change.shown {
                if let older = indexOfValue[value], older < index { set.formUnion(covered[older]) }
            }
            covered.append(set)
        }
    }

    // MARK: Reads

    var inventedReads: [String] { reads.flatMap { invented($0.shown, untilNs: $0.returnNs, what: "a read") } }
    var staleReads: [String] { reads.compactMap(stalenessViolation) }

    /// One text per value that no valid write explains. A valid write was sent before the read returned, and was not
    /// reported as `not_applied`.
    func invented(_ values: [String], untilNs: UInt64, what: String) -> [String] {
        values.compactMap { value in
            guard let index = indexOfValue[value], changes[index].callNs <= untilNs else {
                return "\(key): \(what) returned \(value), which no client had written"
            }
            return changes[index].outcome == .notApplied
                ? "\(key): \(what) returned \(value), whose write was reported as not applied" : nil
        }
    }

    /// The violation if the read lacks a write that it must include; otherwise nil. It must include every write that
    /// was acknowledged before the time of the read's request minus its staleness. Exceptions are writes that were
    /// replaced, and writes that kills may have lost.
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

    /// The acknowledged writes that were lost in violation of the guarantees, and the number of losses that kills may
    /// explain.
    /// - Parameter final: the values after the heal and convergence.
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

    /// All changes that `values` cover. A delete leaves no value, so the changes that it covers are included too if it
    /// may have taken effect.
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
        // One of `values` may have replaced the value of this change, unless its own write was answered before this
        // change was sent.
        return values.contains { value in
            guard let other = indexOfValue[value] else { return false }
            return changes[other].outcome == .unknown || changes[other].returnNs > changes[index].callNs
        }
    }
}
