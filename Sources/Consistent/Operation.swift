import Replication

/// What one client asks of a register: a function from state to state, and a result (rule C4).
enum Operation: Sendable, Equatable {
    /// Changes nothing; used where a one-round read found no chosen state.
    case read
    case write(Bytes, ttlMs: Int64?, precondition: Precondition?)
    case delete(precondition: Precondition?)
}

/// What an operation came to in one attempt. Told to the client only once the state it was computed from is chosen.
enum OperationResult: Sendable, Equatable {
    case state(RegisterState)
    case applied(version: UInt64)
    /// A delete of what does not exist.
    case absent(version: UInt64)
    /// `exists` is false for a key that is not there: its version counts on, but is nobody's.
    case preconditionFailed(version: UInt64, exists: Bool)
}

/// A batch applied to a state.
struct BatchOutcome: Equatable {
    var state: RegisterState
    /// One result an operation, in order.
    var results: [OperationResult]
    /// False where the state is the one it began with: nothing to commit but the state itself.
    var isChanged: Bool
}

extension RegisterState {
    /// Applies operations one after another as if each were alone; each change gets a version of its own.
    ///
    /// Expiry is a change like any other: past `expires_ms` the tombstone is committed before anything is answered from
    /// "absent" (rule C10), else two proposers whose clocks differ would answer differently.
    func applying(_ operations: [Operation], as writer: Writer, nowMs: Int64) -> BatchOutcome {
        var state = self
        if state.isExpired(atMs: nowMs) { state.makeTombstone() }
        let results = operations.map { state.apply($0, nowMs: nowMs) }
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

    /// RFC 9110, section 13.1: a version list never matches what does not exist.
    private func allows(_ precondition: Precondition?) -> Bool {
        switch precondition {
        case nil: true
        case .versionIs(let versions): !isDeleted && versions.contains(version)
        case .exists: !isDeleted
        case .absent: isDeleted
        case .versionIsNot(let versions): isDeleted || !versions.contains(version)
        }
    }
}
