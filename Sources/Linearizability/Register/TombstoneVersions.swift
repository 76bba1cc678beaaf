/// The versions at which keys may have had a tombstone, as far as a history shows.
///
/// Tombstone GC removes the record of a deleted key and raises the GC watermark. A key without a record continues from
/// the watermark (rule C10). So the version of an absent key can rise without a change, but only to the version of
/// another key's tombstone.
struct TombstoneVersions {
    private var keys: [String: DeletedKey] = [:]

    /// - Parameter byKey: the history of a whole group from the beginning, by key.
    init(_ byKey: [String: [RegisterOperation]] = [:]) {
        for (key, operations) in byKey {
            let deleted = DeletedKey(operations)
            if deleted.wasEverDeleted { keys[key] = deleted }
        }
    }

    func hasAny(besides key: String) -> Bool { keys.contains { $0.key != key } }

    /// Whether another key may have had a tombstone of this version at `untilNs` or before.
    func mayHold(_ version: UInt64, besides key: String, untilNs: UInt64) -> Bool {
        keys.contains { $0.key != key && $0.value.mayHaveHadTombstone(at: version, untilNs: untilNs) }
    }
}

/// The possible tombstones of one key, determined from its operations.
private struct DeletedKey {
    /// By version of a certain or possible tombstone: when the change that made it was called.
    private var calledNs: [UInt64: UInt64] = [:]
    /// Versions of deletes that returned.
    private var deletes: Set<UInt64> = []
    /// Versions at which the key had a value.
    private var values: Set<UInt64> = []
    /// When a delete or expiry of unknown version was first called, and when a write of unknown version was first
    /// called.
    private var firstUnknownDeleteNs = UInt64.max
    private var firstUnknownWriteNs = UInt64.max
    /// The highest version observed before ``firstUnknownDeleteNs``.
    private var highestBefore: UInt64 = 0
    /// In the order of calls: when an operation was called, and the lowest version that this or a later operation
    /// observed.
    private var lowestSince: [(callNs: UInt64, version: UInt64)] = []

    init(_ operations: [RegisterOperation]) {
        var versionsOfValues: [String: Set<UInt64>] = [:]
        var writers: [String: Int] = [:]
        for operation in operations {
            switch (operation.call, operation.result) {
            case (.delete, .applied(let version)):
                deletes.insert(version)
                calledNs[version] = min(operation.callNs, calledNs[version] ?? .max)
            case (.delete, .unknown): firstUnknownDeleteNs = min(firstUnknownDeleteNs, operation.callNs)
            case (_, .value(let value?, let version)):
                values.insert(version)
                versionsOfValues[value, default: []].insert(version)
            default: break
            }
            guard let written = operation.call.written else { continue }
            writers[written, default: 0] += 1
            if case .applied(let version) = operation.result {
                values.insert(version)
                versionsOfValues[written, default: []].insert(version)
            } else if operation.isPending {
                firstUnknownWriteNs = min(firstUnknownWriteNs, operation.callNs)
            }
        }
        for case (.expire(let value), let callNs) in operations.map({ ($0.call, $0.callNs) }) {
            let versions = versionsOfValues[value] ?? []
            for version in versions { calledNs[version + 1] = min(callNs, calledNs[version + 1] ?? .max) }
            if versions.count < writers[value] ?? 1 { firstUnknownDeleteNs = min(firstUnknownDeleteNs, callNs) }
        }
        noteOrder(of: operations)
    }

    private mutating func noteOrder(of operations: [RegisterOperation]) {
        for operation in operations.sorted(by: { $0.callNs > $1.callNs }) {
            guard let version = operation.result.version else { continue }
            if operation.returnNs < firstUnknownDeleteNs { highestBefore = max(highestBefore, version) }
            lowestSince.append((operation.callNs, min(version, lowestSince.last?.version ?? .max)))
        }
        lowestSince.reverse()
    }

    var wasEverDeleted: Bool { !calledNs.isEmpty || firstUnknownDeleteNs != .max }

    func mayHaveHadTombstone(at version: UInt64, untilNs: UInt64) -> Bool {
        guard !values.contains(version), version <= lowest(afterNs: untilNs) else { return false }
        if let calledNs = calledNs[version], calledNs <= untilNs { return true }
        // A change with an unknown version may have made this tombstone. Its version is above every version observed
        // before that change was called.
        guard version > highestBefore, firstUnknownDeleteNs <= untilNs, !deletes.contains(version) else { return false }
        return values.contains(version - 1)
            || (version > 1 && firstUnknownWriteNs <= untilNs && !deletes.contains(version - 1))
    }

    private func lowest(afterNs timeNs: UInt64) -> UInt64 {
        let index = lowestSince.indices.partitioningIndex { lowestSince[$0].callNs > timeNs }
        return index < lowestSince.count ? lowestSince[index].version : .max
    }
}

extension RegisterModel.Result {
    /// The version that the operation observed.
    fileprivate var version: UInt64? {
        switch self {
        // Version 0 of an absent key does not show its version.
        case .value(nil, version: 0), .notApplied, .unknown: nil
        case .value(_, let version), .applied(let version), .absent(let version), .preconditionFailed(let version):
            version
        }
    }
}
