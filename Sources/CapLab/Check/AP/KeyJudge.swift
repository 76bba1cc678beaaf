/// Judges the history of one key of `app-ap` by what its clients saw, without a look into its contexts.
///
/// A change with a context takes the place of the values that the same answer showed, and of what those had replaced, and
/// of nothing else. A write without one takes the place of what its coordinator holds: a client cannot know what that was,
/// only that it was not written later.
struct KeyJudge {
    private let key: String
    private let reads: [APOperation]
    /// Writes and deletes, by the time of their call.
    private let changes: [APOperation]
    private let indexOfValue: [String: Int]
    /// By change: itself, and all that it replaced by its context, directly or not.
    private var covered: [WriteSet] = []
    private let isBlind: Bool
    /// The write was acknowledged by no more replicas than were killed before they had to have it on disk.
    private let isExcused: (APOperation) -> Bool
    private(set) var excusedLosses = 0
    /// What is wrong, by sort.
    private(set) var lost: [String] = []
    private(set) var invented: [String] = []
    private(set) var stale: [String] = []

    /// A service reads its clock once a turn of its loop, and staleness is told in whole milliseconds.
    static let stalenessToleranceNs: UInt64 = 20_000_000

    init(_ key: String, _ operations: [APOperation], isExcused: @escaping (APOperation) -> Bool) {
        self.key = key
        self.isExcused = isExcused
        reads = operations.filter { $0.kind == .read && $0.outcome == .ok }
        changes = operations.filter { $0.kind != .read }.sorted { $0.callNs < $1.callNs }
        isBlind = changes.contains { !$0.hasContext }
        indexOfValue = Dictionary(
            changes.enumerated().compactMap { index, change in change.value.map { ($0, index) } },
            uniquingKeysWith: { first, _ in first })
        for (index, change) in changes.enumerated() {
            var set = WriteSet(count: changes.count)
            set.insert(index)
            // What it had seen was called before it: those sets are there already.
            for value in change.shown {
                if let older = indexOfValue[value], older < index { set.formUnion(covered[older]) }
            }
            covered.append(set)
        }
    }

    // MARK: What reads saw

    mutating func judgeReads() {
        for read in reads {
            invented += judgeShown(read.shown, untilNs: read.returnNs, what: "a read")
            if let problem = judgeStaleness(read) { stale.append(problem) }
        }
    }

    /// Every value was written, to this key, before it was read, and not by a write that is said to have done nothing.
    private func judgeShown(_ values: [String], untilNs: UInt64, what: String) -> [String] {
        values.compactMap { value in
            guard let index = indexOfValue[value], changes[index].callNs <= untilNs else {
                return "\(key): \(what) shows \(value), which nobody had written"
            }
            return changes[index].outcome == .notApplied
                ? "\(key): \(what) shows \(value), whose write is said to have had no effect" : nil
        }
    }

    /// The answer knows all that was acknowledged longer before the call than it says it may be old.
    private func judgeStaleness(_ read: APOperation) -> String? {
        guard let stalenessMs = read.stalenessMs else { return nil }
        let windowNs = UInt64(max(0, stalenessMs) * 1_000_000) + Self.stalenessToleranceNs
        guard read.callNs > windowNs else { return nil }
        let boundNs = read.callNs - windowNs
        let seen = reached(from: read.shown, untilNs: read.returnNs)
        let missing = changes.indices.first { index in
            let change = changes[index]
            return change.kind == .write && change.outcome == .ok && change.returnNs < boundNs && !isExcused(change)
                && !isKept(index, seen, values: read.shown)
        }
        guard let missing else { return nil }
        let ageMs = (read.callNs - changes[missing].returnNs) / 1_000_000
        return
            "\(key): a read that says it is at most \(Int(stalenessMs)) ms old lacks \(changes[missing].value ?? ""), "
            + "acknowledged \(ageMs) ms before it"
    }

    // MARK: What is there at the end

    /// - Parameter final: the values that are there after heal and convergence.
    mutating func judgeEnd(_ final: [String]) {
        invented += judgeShown(final, untilNs: .max, what: "the last read")
        let seen = reached(from: final, untilNs: .max)
        for (index, change) in changes.enumerated()
        where change.kind == .write && change.outcome == .ok && !isKept(index, seen, values: final) {
            if isExcused(change) {
                excusedLosses += 1
            } else {
                lost.append(
                    "\(key): \(change.value ?? "") is lost: acknowledged by \(change.replicasAcked), and neither there nor "
                        + "replaced by anyone who had seen it")
            }
        }
    }

    /// All that the shown values stand for. A delete leaves nothing that a client can see, so every delete that may have
    /// had an effect counts.
    private func reached(from values: [String], untilNs: UInt64) -> WriteSet {
        var set = WriteSet(count: changes.count)
        for value in values {
            if let index = indexOfValue[value] { set.formUnion(covered[index]) }
        }
        for (index, change) in changes.enumerated()
        where change.kind == .delete && change.outcome != .notApplied && change.callNs <= untilNs {
            set.formUnion(covered[index])
        }
        return set
    }

    private func isKept(_ index: Int, _ seen: WriteSet, values: [String]) -> Bool {
        if seen.contains(index) { return true }
        guard isBlind else { return false }
        // Some value is there that was not written before this one was.
        return values.contains { value in
            guard let other = indexOfValue[value] else { return false }
            return changes[other].outcome == .unknown || changes[other].returnNs > changes[index].callNs
        }
    }
}
