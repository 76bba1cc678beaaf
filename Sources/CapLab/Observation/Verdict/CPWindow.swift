import Linearizability

/// The last operations of the page and its load generator at `app-cp`, and the result of the last check.
struct CPWindow {
    private static let maxExpiringKeys = 10_000

    private var operations = KeyedWindow<RegisterOperation>(
        maxPerKey: Verdict.maxOperationsPerKey, maxCount: Verdict.maxOperations)
    /// Keys with values that expire. Their histories are not checked, because answers do not show when the values
    /// expired. If there are too many keys, all are forgotten.
    private var expiringKeys: Set<String> = []
    /// True if there are operations that came after the last check began.
    private var isUnchecked = false
    private var isChecking = false
    /// The result of the last check.
    private(set) var result = CPHistory.Result()

    var count: Int { operations.count }

    /// - Parameter client: the index of the service in ``Topology/services``.
    mutating func note(_ answer: AnswerEvent, client: Int) {
        if answer.request.ttlMs != nil { noteExpiry(of: answer.request.key) }
        guard !expiringKeys.contains(answer.request.key) else { return }
        guard let operation = CPHistory.operation(answer, client: client) else { return }
        operations.append(operation, key: operation.key)
        isUnchecked = true
    }

    private mutating func noteExpiry(of key: String) {
        if expiringKeys.count >= Self.maxExpiringKeys { expiringKeys = [] }
        expiringKeys.insert(key)
        operations.remove(key)
    }

    /// Begins a check. Call ``endCheck(_:)`` with its result.
    /// - Returns: the operations of each key; nil if none is new or a check is running.
    mutating func beginCheck() -> [String: [RegisterOperation]]? {
        guard isUnchecked, !isChecking else { return nil }
        isUnchecked = false
        isChecking = true
        return operations.byKey.mapValues { $0.map(\.element) }
    }

    mutating func endCheck(_ result: CPHistory.Result) {
        self.result = result
        isChecking = false
    }
}
