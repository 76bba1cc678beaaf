/// The shortest prefix of an object's history that is not linearizable.
public struct FailingPrefix<M: Model>: Sendable {
    /// The operation whose result no order explains. Just before its return, while it counted as pending, the history
    /// was linearizable.
    public let culprit: Operation<M>
    /// The operations that were called before the culprit returned, in the order of their calls. Those that had not
    /// returned by then are pending.
    public let operations: [Operation<M>]
}

extension LinearizabilityChecker {
    /// The shortest failing prefix of one object; nil if the object's history is linearizable or the checker cannot
    /// decide.
    ///
    /// Every prefix of a linearizable history is linearizable, so a binary search finds the first bad return.
    /// - Parameters:
    ///   - key: the key of the object.
    ///   - history: the history of all objects from the beginning.
    public func failingPrefix<M: Model>(of key: String, in history: [Operation<M>]) -> FailingPrefix<M>? {
        shortestFailingPrefix(of: key, in: history)
    }

    func shortestFailingPrefix<M: Model>(of key: String, in history: [Operation<M>]) -> FailingPrefix<M>? {
        guard let partition = M.partition(history).first(where: { $0.key == key }) else { return nil }
        func isViolated(_ operations: [Operation<M>]) -> Bool {
            if case .violation = verdict(on: operations, partition.model) { true } else { false }
        }
        guard isViolated(partition.operations) else { return nil }
        var model = partition.model
        let returned = model.prepare(partition.operations).filter { !$0.isPending }
            .sorted { ($0.returnNs, $0.callNs) < ($1.returnNs, $1.callNs) }
        let firstBad = returned.indices.partitioningIndex {
            isViolated(prefix(of: partition.operations, untilNs: returned[$0].returnNs))
        }
        guard firstBad < returned.count else { return nil }
        let culprit = returned[firstBad]
        let operations = prefix(of: partition.operations, untilNs: culprit.returnNs).sorted { $0.callNs < $1.callNs }
        return FailingPrefix(culprit: culprit, operations: operations)
    }

    /// The history up to `endNs`. An operation that had not returned by then is pending.
    private func prefix<M: Model>(of operations: [Operation<M>], untilNs endNs: UInt64) -> [Operation<M>] {
        operations.filter { $0.callNs <= endNs }.map { operation in
            guard operation.returnNs > endNs else { return operation }
            var pending = operation
            pending.result = .unknown
            return pending
        }
    }
}

extension Range<Int> {
    /// The first index for which `predicate` holds, or the upper bound. The predicate must hold for every later index
    /// too.
    func partitioningIndex(where predicate: (Int) -> Bool) -> Int {
        var low = lowerBound
        var high = upperBound
        while low < high {
            let middle = (low + high) / 2
            if predicate(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
