import Available

/// Checks the changes that the page and its load generator have sent to `app-ap`, by the records of all replicas.
///
/// An acknowledged write is lost if no replica has its value, and no other change can have replaced it. Without the
/// contexts of all changes, this cannot be decided exactly. In doubt, a write counts as replaced.
struct APWindow {
    struct Change {
        let service: String
        /// The value written; nil for a delete.
        let value: String?
        let isAcknowledged: Bool
        /// Microseconds on the lab's clock.
        let calledUs: Int64
        let returnedUs: Int64
    }

    /// The records of one replica, read together. Times are on the lab's clock, in microseconds.
    struct Reading {
        let beganUs: Int64
        let endedUs: Int64
        let records: [String: StoredHash]
    }

    struct Result: Equatable {
        var acknowledged = 0
        /// How many acknowledged writes are lost; nil if that cannot be decided.
        var lost: Int?
        var isConverged: Bool?
        var diverged: [String] = []
        var divergedCount = 0
        /// Those of the keys of ``watchedKeys(chosen:)`` that have several values, the most recently written first.
        var inConflict: [String] = []
        /// The lost writes as violations, at most ``maxViolations``.
        var violations: [Violation] = []
    }

    static let maxViolations = 3

    static let maxWatchedKeys = 32
    private static let maxShownKeys = 20

    private var changes = KeyedWindow<Change>(
        maxPerKey: Verdict.maxOperationsPerKey, maxCount: Verdict.maxOperations)
    /// The reading before the latest one, by replica.
    private var previous: [String: Reading] = [:]
    private var latest: [String: Reading] = [:]

    mutating func note(_ answer: AnswerEvent) {
        let (request, reply) = (answer.request, answer.reply)
        guard request.isChange, reply.outcome != "not_applied" else { return }
        let isAcknowledged = reply.outcome == "applied" || reply.status == 200
        if !isAcknowledged, (400..<500).contains(reply.status) { return }
        changes.append(
            Change(
                service: request.service, value: request.op == .delete ? nil : request.value ?? "",
                isAcknowledged: isAcknowledged,
                calledUs: Int64(answer.tMs * 1_000), returnedUs: Int64((answer.tMs + answer.tookMs) * 1_000)),
            key: request.key)
    }

    /// The keys whose records ``judge(_:replicaCount:)`` needs: the chosen key, then those that were changed most
    /// recently.
    func watchedKeys(chosen: String) -> [String] {
        Array(([chosen] + changes.recentKeys.filter { $0 != chosen }).prefix(Self.maxWatchedKeys))
    }

    /// - Parameters:
    ///   - readings: by replica, without the replicas that do not answer.
    ///   - replicaCount: how many replicas the group has.
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
        // If a replica does not answer, it may have the missing write.
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

    /// True if the latest reading of a replica lacks a change that another replica already had one reading earlier.
    /// Normally, a change is delivered to all replicas in less time than that.
    private func isDiverged(_ key: String) -> Bool {
        latest.contains { replica, reading in
            guard let record = reading.records[key], let vector = RecordDecoder.vector(record) else { return false }
            return latest.contains { other, theirs in
                guard other != replica else { return false }
                // If no replica has an earlier reading yet, compare the latest ones, but only those that do not overlap
                // in time.
                guard let before = previous[other] ?? (previous.isEmpty ? theirs : nil),
                    before.endedUs < reading.beganUs,
                    let known = before.records[key].flatMap(RecordDecoder.vector)
                else { return false }
                return !vector.covers(known)
            }
        }
    }

    /// True if a replica holds several values of the key.
    private func isInConflict(_ key: String) -> Bool {
        latest.values.contains { reading in
            guard let record = reading.records[key] else { return false }
            let siblings = RecordDecoder.siblings(record).map(\.sibling).filter { !$0.isTombstone }
            return Set(siblings.map(\.writeId)).count > 1
        }
    }

    // MARK: Lost writes

    /// Acknowledged writes whose value is on no replica that answers and that nothing can have replaced, in the order
    /// of their requests.
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
        /// Maps each value to the time when the last write of it was answered, or to the maximum if that write may
        /// still take effect. Values that only other clients wrote are missing.
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
            // A delete may have replaced the write if it ended after the write began, or if it may still take effect.
            return !changes.contains { $0.value == nil && (!$0.isAcknowledged || $0.returnedUs > write.calledUs) }
        }
    }
}
