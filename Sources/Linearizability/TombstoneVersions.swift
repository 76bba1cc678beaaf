/// The versions at which keys may have been deleted, by what a history shows.
///
/// The record of a deleted key is collected some day, and what is left of all such records is one floor, under which no key
/// begins again (rule C10). So where the version of a key that does not exist rises without a change, it rises to the version
/// of another key's tombstone, and to no other.
struct TombstoneVersions {
    private var keys: [String: DeletedKey] = [:]

    /// - Parameter byKey: a history of the whole group from its beginning.
    init(_ byKey: [String: [RecordedOperation]] = [:]) {
        for (key, operations) in byKey {
            let deleted = DeletedKey(operations)
            if deleted.wasEverDeleted { keys[key] = deleted }
        }
    }

    func hasAny(besides key: String) -> Bool { keys.contains { $0.key != key } }

    /// Some key other than this one may have had a tombstone of this version by that moment.
    func mayHold(_ version: UInt64, besides key: String, untilNs: UInt64) -> Bool {
        keys.contains { $0.key != key && $0.value.mayHaveEnded(at: version, untilNs: untilNs) }
    }
}

/// One key, for what it tells of its tombstones.
private struct DeletedKey {
    /// By version of a tombstone, certain or likely: when its change began.
    private var beganNs: [UInt64: UInt64] = [:]
    /// Versions of deletes that were answered.
    private var deletes: Set<UInt64> = []
    /// Versions at which it had a value.
    private var values: Set<UInt64> = []
    /// When the first delete, or end of a value, of which no version is known began; and the first such write.
    private var firstLostDeleteNs = UInt64.max
    private var firstLostWriteNs = UInt64.max
    /// The highest version that was seen before ``firstLostDeleteNs``.
    private var highestBefore: UInt64 = 0
    /// By the time of their call: the lowest version that this operation or a later one saw.
    private var lowestSince: [(callNs: UInt64, version: UInt64)] = []

    init(_ operations: [RecordedOperation]) {
        var versionsOfValues: [String: Set<UInt64>] = [:]
        var writers: [String: Int] = [:]
        for operation in operations {
            switch (operation.call, operation.result) {
            case (.delete, .applied(let version)):
                deletes.insert(version)
                beganNs[version] = min(operation.callNs, beganNs[version] ?? .max)
            case (.delete, .unknown): firstLostDeleteNs = min(firstLostDeleteNs, operation.callNs)
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
            } else if operation.result == .unknown {
                firstLostWriteNs = min(firstLostWriteNs, operation.callNs)
            }
        }
        for case (.expire(let value), let callNs) in operations.map({ ($0.call, $0.callNs) }) {
            let versions = versionsOfValues[value] ?? []
            for version in versions { beganNs[version + 1] = min(callNs, beganNs[version + 1] ?? .max) }
            if versions.count < writers[value] ?? 1 { firstLostDeleteNs = min(firstLostDeleteNs, callNs) }
        }
        noteOrder(of: operations)
    }

    private mutating func noteOrder(of operations: [RecordedOperation]) {
        for operation in operations.sorted(by: { $0.callNs > $1.callNs }) {
            guard let version = operation.result.version else { continue }
            if operation.returnNs < firstLostDeleteNs { highestBefore = max(highestBefore, version) }
            lowestSince.append((operation.callNs, min(version, lowestSince.last?.version ?? .max)))
        }
        lowestSince.reverse()
    }

    var wasEverDeleted: Bool { !beganNs.isEmpty || firstLostDeleteNs != .max }

    func mayHaveEnded(at version: UInt64, untilNs: UInt64) -> Bool {
        guard !values.contains(version), version <= lowest(afterNs: untilNs) else { return false }
        if let beganNs = beganNs[version], beganNs <= untilNs { return true }
        // By a change of which nobody knows the version: it came after what was seen before.
        guard version > highestBefore, firstLostDeleteNs <= untilNs, !deletes.contains(version) else { return false }
        return values.contains(version - 1)
            || (version > 1 && firstLostWriteNs <= untilNs && !deletes.contains(version - 1))
    }

    private func lowest(afterNs timeNs: UInt64) -> UInt64 {
        var from = 0
        var to = lowestSince.count
        while from < to {
            let middle = (from + to) / 2
            if lowestSince[middle].callNs > timeNs { to = middle } else { from = middle + 1 }
        }
        return from < lowestSince.count ? lowestSince[from].version : .max
    }
}

extension RecordedOperation.Call {
    /// The value that a write writes.
    fileprivate var written: String? {
        switch self {
        case .write(let value), .compareAndSet(_, let value), .create(let value): value
        case .read, .delete, .expire: nil
        }
    }
}

extension RecordedOperation.Result {
    /// The version that the key was seen to have.
    fileprivate var version: UInt64? {
        switch self {
        // Of what does not exist, 0 tells no version.
        case .value(nil, version: 0), .notApplied, .unknown: nil
        case .value(_, let version), .applied(let version), .absent(let version), .preconditionFailed(let version):
            version
        }
    }
}
