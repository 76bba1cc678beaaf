import Available

/// Judges the changes of the page to `app-ap` by the records of all replicas.
///
/// An acknowledged write is lost if its value is on no replica, and nothing that is there can have replaced it. Without
/// the contexts of all changes this cannot be known exactly: in doubt a write counts as replaced.
struct APWindow {
    struct Change {
        let service: String
        /// Nil for a delete.
        let value: String?
        let isAcknowledged: Bool
        /// On the lab's clock, in microseconds.
        let calledUs: Int64
        let returnedUs: Int64
    }

    /// What one replica held, on the lab's clock.
    struct Reading {
        let beganUs: Int64
        let endedUs: Int64
        let records: [String: StoredHash]
    }

    struct Result: Equatable {
        var acknowledged = 0
        /// Nil if it cannot be decided.
        var lost: Int?
        var isConverged: Bool?
        var diverged: [String] = []
        var divergedCount = 0
        /// Watched keys with several values, the latest written first.
        var inConflict: [String] = []
        /// Of the lost writes, at most ``maxViolations``.
        var violations: [Violation] = []
    }

    static let maxViolations = 3

    static let maxWatchedKeys = 32
    private static let maxShownKeys = 20

    private var changes = KeyedWindow<Change>(
        maxPerKey: Verdict.maxOperationsPerKey, maxCount: Verdict.maxOperations)
    /// The reading before the last, by replica.
    private var previous: [String: Reading] = [:]
    private var latest: [String: Reading] = [:]

    mutating func note(_ answer: AnswerEvent) {
        guard answer.op != .read, answer.outcome != "not_applied" else { return }
        let isAcknowledged = answer.outcome == "applied" || answer.status == 200
        if !isAcknowledged, (400..<500).contains(answer.status) { return }
        changes.append(
            Change(
                service: answer.service, value: answer.op == .delete ? nil : answer.sent ?? "",
                isAcknowledged: isAcknowledged,
                calledUs: Int64(answer.tMs * 1_000), returnedUs: Int64((answer.tMs + answer.tookMs) * 1_000)),
            key: answer.key)
    }

    /// The keys whose records are needed, the chosen one first.
    func watchedKeys(chosen: String) -> [String] {
        Array(([chosen] + changes.recentKeys.filter { $0 != chosen }).prefix(Self.maxWatchedKeys))
    }

    /// - Parameters:
    ///   - readings: by replica; nothing for one that does not answer.
    ///   - replicaCount: of the group.
    mutating func judge(_ readings: [String: Reading], replicaCount: Int) -> Result {
        for (replica, reading) in readings where latest[replica]?.beganUs != reading.beganUs {
            previous[replica] = latest[replica]
            latest[replica] = reading
        }
        for replica in latest.keys where readings[replica] == nil {
            latest[replica] = nil
            previous[replica] = nil
        }
        let isComplete = readings.count == replicaCount
        var result = Result()
        result.acknowledged = changes.byKey.values.reduce(0) { sum, changes in
            sum + changes.count { $0.element.isAcknowledged }
        }
        // A missing write may be on the replica that does not answer.
        let missing = readings.isEmpty ? nil : missingWrites()
        result.lost = isComplete || missing?.isEmpty == true ? missing?.count : nil
        if isComplete { result.violations = (missing ?? []).prefix(Self.maxViolations).map(Self.violation) }
        let keys = Set(latest.values.flatMap { $0.records.keys })
        let recent = changes.recentKeys.filter(keys.contains)
        let inConflict = (recent + keys.subtracting(recent).sorted()).filter(isInConflict)
        result.inConflict = Array(inConflict.prefix(Self.maxShownKeys))
        let diverged = keys.filter(isDiverged).sorted()
        result.diverged = Array(diverged.prefix(Self.maxShownKeys))
        result.divergedCount = diverged.count
        result.isConverged = !diverged.isEmpty ? false : isComplete ? true : nil
        return result
    }

    // MARK: Convergence

    /// Some replica lacks what another one had in the reading before: longer ago than a delivery takes.
    private func isDiverged(_ key: String) -> Bool {
        latest.contains { replica, reading in
            guard let record = reading.records[key], let vector = RecordDecoder.vector(record) else { return false }
            return latest.contains { other, theirs in
                guard other != replica else { return false }
                // Before the second reading only a difference at rest can be told.
                guard let before = previous[other] ?? (previous.isEmpty ? theirs : nil),
                    before.endedUs < reading.beganUs,
                    let known = before.records[key].flatMap(RecordDecoder.vector)
                else { return false }
                return !vector.covers(known)
            }
        }
    }

    /// Some replica holds several values.
    private func isInConflict(_ key: String) -> Bool {
        latest.values.contains { reading in
            guard let record = reading.records[key] else { return false }
            let siblings = RecordDecoder.siblings(record).map(\.sibling).filter { !$0.isTombstone }
            return Set(siblings.map(\.writeId)).count > 1
        }
    }

    // MARK: Lost writes

    /// Writes that are on no replica that answers, and not replaced, by call.
    private func missingWrites() -> [(key: String, write: Change)] {
        let beganUs = latest.values.map(\.beganUs).min() ?? 0
        return changes.byKey.flatMap { entry -> [(key: String, write: Change)] in
            let records = latest.values.compactMap { $0.records[entry.key] }
            guard records.count == latest.count else { return [] }
            return missing(of: entry.value.map(\.element), records, beganUs).map { (entry.key, $0) }
        }.sorted { $0.write.calledUs < $1.write.calledUs }
    }

    private static func violation(_ key: String, _ write: Change) -> Violation {
        Violation(
            store: .ap, kind: .lostWrite, key: key,
            operations: [
                Violation.Operation(
                    service: write.service, op: .write, sent: write.value, calledUs: write.calledUs,
                    returnedUs: write.returnedUs)
            ])
    }

    private func missing(of changes: [Change], _ records: [StoredHash], _ beganUs: Int64) -> [Change] {
        let siblings = records.flatMap { RecordDecoder.siblings($0).map(\.sibling) }
        let hasTombstone = siblings.contains(where: \.isTombstone)
        let values = Set(siblings.filter { !$0.isTombstone }.map { String(decoding: $0.value, as: UTF8.self) })
        /// By value: until when its last known write had not returned; nothing for a value of another client.
        let returnedUs = Dictionary(
            changes.compactMap { change in
                change.value.map { ($0, change.isAcknowledged ? change.returnedUs : Int64.max) }
            },
            uniquingKeysWith: max)
        return changes.filter { write in
            guard let value = write.value, write.isAcknowledged, write.returnedUs < beganUs, !values.contains(value)
            else { return false }
            if hasTombstone || values.contains(where: { returnedUs[$0].map { $0 > write.calledUs } ?? true }) {
                return false
            }
            // A later delete, or one that may still come.
            return !changes.contains { $0.value == nil && (!$0.isAcknowledged || $0.returnedUs > write.calledUs) }
        }
    }
}
