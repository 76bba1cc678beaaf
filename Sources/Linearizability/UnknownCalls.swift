/// What is known of changes whose outcome is not: it keeps the search from trying each of them everywhere, where a few dozen
/// would otherwise multiply.
///
/// Nothing here decides a verdict; it only leaves out orders that cannot work, or that are the same as another one that is
/// tried.
struct UnknownCalls {
    /// Versions that some operation reported as its own change's.
    private var claimed: Set<UInt64> = []
    /// The value that reads saw at a version; nil inside for none.
    private var seenValues: [UInt64: String?] = [:]
    /// Versions at which a value was seen.
    private var seenVersions: [String: Set<UInt64>] = [:]
    /// How many operations write a value.
    private var writers: [String: Int] = [:]
    /// Values that end by themselves: which of them was written can show by its end.
    private var expiring: Set<String> = []
    private var highestVersion: UInt64 = 0
    /// Some read found nothing and was told no version.
    private var isAbsenceSeen = false
    /// By class of changes that nobody could tell apart: their operations, by the time of their call.
    private var alike: [Class: [Int]] = [:]

    private enum Class: Hashable {
        case unseenWrite
        case unseenWriteThatExpires
        case unseenCreate
        case delete
    }

    init(_ operations: [RecordedOperation]) {
        for operation in operations { note(operation) }
        for (index, operation) in operations.enumerated() where operation.result == .unknown {
            if let kind = kind(of: operation.call) { alike[kind, default: []].append(index) }
        }
        for kind in alike.keys {
            alike[kind]?.sort { (operations[$0].callNs, $0) < (operations[$1].callNs, $1) }
        }
    }

    private mutating func note(_ operation: RecordedOperation) {
        switch operation.call {
        case .write(let value), .compareAndSet(_, let value), .create(let value): writers[value, default: 0] += 1
        case .expire(let value): expiring.insert(value)
        case .read, .delete: break
        }
        switch operation.result {
        case .value(nil, version: 0): isAbsenceSeen = true
        case .value(let value, let version):
            highestVersion = max(highestVersion, version)
            seenValues[version] = .some(value)
            if let value { seenVersions[value, default: []].insert(version) }
        case .applied(let version):
            highestVersion = max(highestVersion, version)
            claimed.insert(version)
        case .absent(let version), .preconditionFailed(let version): highestVersion = max(highestVersion, version)
        case .notApplied, .unknown: break
        }
    }

    private func kind(of call: RecordedOperation.Call) -> Class? {
        switch call {
        case .write(let value) where seenVersions[value] == nil:
            expiring.contains(value) ? .unseenWriteThatExpires : .unseenWrite
        case .write: nil
        case .create(let value): seenVersions[value] == nil && !expiring.contains(value) ? .unseenCreate : nil
        case .delete: .delete
        case .read, .compareAndSet, .expire: nil
        }
    }

    /// It can leave the key without a value, at once or by its end.
    private func mayRemove(_ call: RecordedOperation.Call) -> Bool {
        switch call {
        case .delete, .expire: true
        case .write(let value): expiring.contains(value)
        case .read, .compareAndSet, .create: false
        }
    }

    /// False where placing the operation in `state` cannot be part of an order, or need not be tried because another one
    /// that does the same is.
    func isWorthTrying(
        _ index: Int, _ call: RecordedOperation.Call, in state: RegisterModel, isPlaced: (Int) -> Bool
    ) -> Bool {
        // Nobody has seen anything later: whether it happened makes no difference.
        guard state.version < highestVersion || (mayRemove(call) && isAbsenceSeen) else { return false }
        if let kind = kind(of: call), let first = alike[kind]?.first(where: { !isPlaced($0) }), first != index {
            return false
        }
        let next = state.version + 1
        switch call {
        case .write(let value), .compareAndSet(_, let value), .create(let value):
            if writers[value] == 1, let versions = seenVersions[value] {
                return state.isOpen ? versions.contains { $0 >= next } : versions.contains(next)
            }
            if !state.isOpen, let seen = seenValues[next], seen != value { return false }
        case .delete, .expire:
            if !state.isOpen, case .some(.some) = seenValues[next] { return false }
        case .read: return false
        }
        return state.isOpen || !claimed.contains(next)
    }
}
