extension LinearizabilityChecker {
    /// Where a history of one key first goes wrong.
    public struct FailingPart: Sendable {
        /// The operation whose return makes it wrong: without it, and with those that were still under way taken as unknown,
        /// the history is linearizable.
        public let culprit: RecordedOperation
        /// The operations up to that moment, in the order of their calls.
        public let operations: [RecordedOperation]
    }

    /// The shortest beginning of a key's operations that is not linearizable; nil where all of it is, or where the checker
    /// cannot decide. A beginning of a linearizable history is linearizable, so the first bad return is found by halving.
    /// - Parameter history: with the other keys (see ``check(_:)``).
    public func failingPart(of key: String, in history: [RecordedOperation]) -> FailingPart? {
        let byKey = Dictionary(grouping: history, by: \.key)
        let tombstones = TombstoneVersions(byKey)
        let operations = byKey[key] ?? []
        guard case .violation = check(operations, tombstones) else { return nil }
        let ended = operations.filter { $0.result != .unknown && $0.result != .notApplied }
            .sorted { ($0.returnNs, $0.callNs) < ($1.returnNs, $1.callNs) }
        var good = 0
        var bad = ended.count
        while bad - good > 1 {
            let middle = (good + bad) / 2
            let part = beginning(of: operations, untilNs: ended[middle - 1].returnNs)
            if case .violation = check(part, tombstones) {
                bad = middle
            } else {
                good = middle
            }
        }
        guard bad > 0 else { return nil }
        let culprit = ended[bad - 1]
        let part = beginning(of: operations, untilNs: culprit.returnNs).sorted { $0.callNs < $1.callNs }
        return FailingPart(culprit: culprit, operations: part)
    }

    /// What was known at a moment: what had not returned may or may not have taken effect.
    private func beginning(of operations: [RecordedOperation], untilNs endNs: UInt64) -> [RecordedOperation] {
        operations.filter { $0.callNs <= endNs }.map { operation in
            guard operation.returnNs > endNs else { return operation }
            var cut = operation
            cut.result = .unknown
            return cut
        }
    }
}
