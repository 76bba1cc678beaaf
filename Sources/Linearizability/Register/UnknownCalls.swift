/// Prunes the search if changes have an unknown result. Trying each of them at every place would multiply the number of
/// orders: with a few dozen such changes, the search would end undecided.
///
/// Pruning never changes the verdict. It only leaves out orders that cannot work, or that are equivalent to another
/// one.
struct UnknownCalls {
    /// The versions of changes that were answered with `applied`.
    private var claimed: Set<UInt64> = []
    /// By version: the value that reads returned for it. The inner optional is nil if the key was absent.
    private var seenValues: [UInt64: String?] = [:]
    /// By value: the versions at which it was read.
    private var seenVersions: [String: Set<UInt64>] = [:]
    /// By value: how many operations write it.
    private var writers: [String: Int] = [:]
    /// Values with a time to live. Their expiry can show which of several writes took effect.
    private var expiring: Set<String> = []
    private var highestVersion: UInt64 = 0
    /// True if some read found the key absent and got version 0, which does not show the key's version.
    private var isAbsenceSeen = false
    /// Changes with an unknown result that no client can distinguish. By class: the indexes of the operations, in the
    /// order of their calls.
    private var equivalent: [Class: [Int]] = [:]

    private enum Class: Hashable {
        case unseenWrite
        case unseenWriteThatExpires
        case unseenCreate
        case delete
    }

    init(_ operations: [RegisterOperation]) {
        for operation in operations { note(operation) }
        for (index, operation) in operations.enumerated() where operation.isPending {
            if let kind = kind(of: operation.call) { equivalent[kind, default: []].append(index) }
        }
        for kind in equivalent.keys {
            equivalent[kind]?.sort { (operations[$0].callNs, $0) < (operations[$1].callNs, $1) }
        }
    }

    private mutating func note(_ operation: RegisterOperation) {
        if let value = operation.call.written { writers[value, default: 0] += 1 }
        if case .expire(let value) = operation.call { expiring.insert(value) }
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

    private func kind(of call: RegisterModel.Call) -> Class? {
        switch call {
        case .write(let value) where seenVersions[value] == nil:
            expiring.contains(value) ? .unseenWriteThatExpires : .unseenWrite
        case .write: nil
        case .create(let value): seenVersions[value] == nil && !expiring.contains(value) ? .unseenCreate : nil
        case .delete: .delete
        case .read, .compareAndSet, .expire: nil
        }
    }

    /// True if the change can leave the key absent, at once or when its value expires.
    private func mayRemove(_ call: RegisterModel.Call) -> Bool {
        switch call {
        case .delete, .expire: true
        case .write(let value): expiring.contains(value)
        case .read, .compareAndSet, .create: false
        }
    }

    /// See ``Model/isWorthTrying(_:_:in:isLinearized:)``.
    func isWorthTrying(
        _ index: Int, _ call: RegisterModel.Call, in state: RegisterModel.State, isLinearized: (Int) -> Bool
    ) -> Bool {
        // If no operation observed a later version, an order without this change is equivalent.
        guard state.version < highestVersion || (mayRemove(call) && isAbsenceSeen) else { return false }
        if let kind = kind(of: call), let first = equivalent[kind]?.first(where: { !isLinearized($0) }), first != index
        {
            return false
        }
        let next = state.version + 1
        switch call {
        case .write(let value), .compareAndSet(_, let value), .create(let value):
            if writers[value] == 1, let versions = seenVersions[value] {
                return state.mayHaveRisen ? versions.contains { $0 >= next } : versions.contains(next)
            }
            if !state.mayHaveRisen, let seen = seenValues[next], seen != value { return false }
        case .delete, .expire:
            if !state.mayHaveRisen, case .some(.some) = seenValues[next] { return false }
        case .read: return false
        }
        return state.mayHaveRisen || !claimed.contains(next)
    }
}
