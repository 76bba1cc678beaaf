import Replication

/// The outcome of all attempts at one change so far, and which replicas may be tried next. Only decides; sends nothing.
struct ChangeAttempts {
    private(set) var count = 0
    private(set) var rounds = 0
    /// Replicas that are not tried again in this round.
    private(set) var excluded: ReplicaSet = []
    /// True if a replica may have applied the change but has not answered.
    private(set) var isUnanswered = false
    private(set) var isTransient = false
    /// The version of the key that the client has seen.
    private let seen: VersionVector
    /// The join of the vectors of all replicas that had nothing to delete.
    private var absent: VersionVector?
    private var reason = AvailableFailure(.noReplica, "No replica can be reached.", outcome: .notApplied)

    /// The most attempts in all rounds together.
    private static let maxCount = 12
    /// A coordinator that answers `LATE` may be tried again. But if the attempt was the third, sixth and so on of the
    /// change, the coordinator is excluded for the rest of the round.
    private static let lateExclusionInterval = 3

    /// - Parameter seen: the version of the key that the client has seen.
    init(seen: VersionVector) { self.seen = seen }

    var mayAttempt: Bool { count < Self.maxCount }

    var failure: AvailableFailure {
        guard isUnanswered else { return reason }
        return AvailableFailure(.timeout, "No replica answered in time.", outcome: .unknown)
    }

    mutating func begin() { count += 1 }

    mutating func beginRound() {
        excluded = []
        isTransient = false
    }

    mutating func endRound() { rounds += 1 }

    mutating func exclude(_ coordinator: Int) { excluded.insert(coordinator) }

    mutating func overloaded(_ coordinator: Int) {
        fail(.overloaded, "Too many commands are waiting for the replicas.")
        exclude(coordinator)
    }

    mutating func unanswered(_ coordinator: Int) {
        isUnanswered = true
        exclude(coordinator)
    }

    /// `coordinator` refused the change and did nothing.
    mutating func refused(_ refusal: ScriptReply, _ coordinator: Int) {
        switch refusal {
        case .late:
            // The reply contained the replica's clock, so the same replica may be tried with a new fence.
            fail(.timeout, "The replica was too slow.")
            isTransient = true
            if count.isMultiple(of: Self.lateExclusionInterval) { exclude(coordinator) }
        case .notMember:
            fail(.noReplica, "The replica has been replaced.")
            isTransient = true
            exclude(coordinator)
        case .error(let error):
            fail(StoreFailure.Code(error), "A replica rejected the command: \(error.summary).")
            if refusal.isNoScript { isTransient = true }
            exclude(coordinator)
        case .answer:
            fail(.badReply, "A replica answered with something unexpected.")
            exclude(coordinator)
        }
    }

    private mutating func fail(_ code: StoreFailure.Code, _ detail: String) {
        reason = AvailableFailure(code, detail, outcome: .notApplied)
    }

    // MARK: Absence

    /// `coordinator` has nothing to delete. Its record of the key has the version vector `vector`.
    ///
    /// - Returns: the version to answer with; nil if the next replica must be asked. If the client has seen nothing of
    ///   the key, this is `vector`. Otherwise it is the join of all vectors so far, once that covers what the client
    ///   has seen.
    mutating func absent(_ vector: Bytes, at coordinator: Int) -> Bytes? {
        guard !seen.entries.isEmpty else { return vector }
        if let own = VersionVector(text: vector) {
            let joined = absent?.joined(own) ?? own
            precondition(joined.covers(absent ?? VersionVector()), "version vectors only grow")
            absent = joined
            if joined.covers(seen) { return joined.text }
        }
        exclude(coordinator)
        return nil
    }

    /// The version to answer with once no replica is left to ask. Nil if no replica answered that it has nothing to
    /// delete. Nil also if a replica that did not answer may have applied the delete.
    var absentEverywhere: Bytes? { isUnanswered ? nil : absent?.text }
}
