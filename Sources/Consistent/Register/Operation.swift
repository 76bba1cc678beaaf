import Replication

/// A client's operation on a register: a function that computes the new state and a result from the old state (rule
/// C4).
enum Operation: Sendable, Equatable {
    /// Changes nothing, except that an expired value becomes a tombstone. Used for reads that need a full round, and
    /// for identity rounds.
    case read
    case write(Bytes, ttlMs: Int64?, precondition: Precondition?)
    case delete(precondition: Precondition?)
}

/// The result of an operation in one attempt. The client gets it only after the state from which it was computed is
/// chosen.
enum OperationResult: Sendable, Equatable {
    case state(RegisterState)
    case applied(version: UInt64)
    /// The operation is a delete of a key that does not exist.
    case absent(version: UInt64)
    /// The precondition does not hold. If the key does not exist, `exists` is false, and the key's next change gets a
    /// version above `version`.
    case preconditionFailed(version: UInt64, exists: Bool)
}

/// The result of applying a batch to a state.
struct BatchOutcome: Equatable {
    var state: RegisterState
    /// One result per operation, in order.
    var results: [OperationResult]
    /// False if the batch did not change the state.
    var isChanged: Bool
}

extension RegisterState {
    /// Applies operations one after another. Each change gets its own version, as if it were not part of a batch.
    ///
    /// Expiry is a change like any other. After `expires_ms` a tombstone is committed before any answer reports the key
    /// as absent (rule C10). Otherwise two proposers with different clocks could give different answers.
    func applying(_ operations: [Operation], as writer: Writer, nowMs: Int64) -> BatchOutcome {
        var state = self
        if state.isExpired(atMs: nowMs) { state.makeTombstone() }
        let results = operations.map { state.apply($0, nowMs: nowMs) }
        precondition(state.version >= version, "a version never falls")
        guard state.version != version else { return BatchOutcome(state: self, results: results, isChanged: false) }
        state.recordWriter(writer)
        return BatchOutcome(state: state, results: results, isChanged: true)
    }

    private mutating func apply(_ operation: Operation, nowMs: Int64) -> OperationResult {
        switch operation {
        case .read:
            return .state(self)
        case .write(let bytes, let ttlMs, let precondition):
            guard allows(precondition) else { return .preconditionFailed(version: version, exists: !isDeleted) }
            value = bytes
            isDeleted = false
            expiresMs = ttlMs.map { nowMs.addingReportingOverflow($0).overflow ? .max : nowMs + $0 }
            version += 1
            return .applied(version: version)
        case .delete(let precondition):
            guard allows(precondition) else { return .preconditionFailed(version: version, exists: !isDeleted) }
            guard !isDeleted else { return .absent(version: version) }
            makeTombstone()
            return .applied(version: version)
        }
    }

    private mutating func makeTombstone() {
        value = []
        isDeleted = true
        expiresMs = nil
        version += 1
    }

    /// Whether the current state meets the precondition. A list of versions never matches a key that does not exist
    /// (RFC 9110, section 13.1).
    private func allows(_ precondition: Precondition?) -> Bool {
        switch precondition {
        case nil: true
        case .versionIs(let versions): !isDeleted && versions.contains(version)
        case .exists: !isDeleted
        case .absent: isDeleted
        case .versionIsNot(let versions): isDeleted || !versions.contains(version)
        case .both(let first, let second): allows(first) && allows(second)
        }
    }
}
