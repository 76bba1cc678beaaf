import Available
import EventLoop
import Replication

/// Checks the guarantees of `app-ap`, by its answers and by what the replicas run and store:
/// - A read misses no write that any replica ran more than `staleness_ms` before the answer. Writes that all replicas
///   have since lost do not count.
/// - An answer shows every value that its `version` covers. A write without a context reports all values that it
///   overwrote unseen.
/// - A write that is reported as `not_applied` never ran. No write runs after its client has the answer, because its
///   fence has passed.
/// - At the end, some replica has every acknowledged write, or a write that replaced it, unless tombstone GC collected
///   it. The exception: at least as many replicas may have lost data as had acknowledged the write.
/// - A write is not lost while a replica has kept it since it ran, even if the write was not acknowledged.
/// - After the heal, all replicas have the same records, no hints are left, and every staleness is known. No replaced
///   value returns. Every conflict, and every record that may be collected later, is listed.
final class APJudge {
    /// One change, from its request to its answer.
    final class Intent {
        let request: ChangeRequest
        let diskLosses: [Int]
        fileprivate(set) var returnNs: UInt64?
        fileprivate(set) var isNotApplied = false
        fileprivate(set) var acks = 0
        fileprivate(set) var dot: Bytes?

        init(_ request: ChangeRequest, _ replicas: [SimulatedReplica]) {
            self.request = request
            diskLosses = replicas.map(\.diskLosses)
        }

        var value: Bytes? {
            if case .write(let value) = request.kind { value } else { nil }
        }
        var recordKey: Bytes { RecordSnapshot.redisKey(request.key) }
    }

    let ledger: WriteLedger
    private let world: World
    private let replicas: [SimulatedReplica]
    private var intents: [Intent] = []
    private(set) var violations: [String] = []
    private var isQuietJudged = false

    init(world: World, replicas: [SimulatedReplica]) {
        self.world = world
        self.replicas = replicas
        ledger = WriteLedger(world: world, replicas: replicas)
    }

    func fail(_ text: String) {
        if violations.count < 20 { violations.append(text) }
    }

    // MARK: Requests

    func willChange(_ request: ChangeRequest) -> Intent {
        let intent = Intent(request, replicas)
        if let value = intent.value {
            ledger.willWrite(value, context: request.context.flatMap { CarriedVector.vector(of: $0) })
        }
        intents.append(intent)
        return intent
    }

    func didChange(_ intent: Intent, _ outcome: Result<ChangeResult, AvailableFailure>) {
        intent.returnNs = world.nowNs
        switch outcome {
        case .success(let result):
            guard result.existed || intent.value != nil else { break }
            judgeShown(result.version, [intent.value] + result.conflicts, intent.request.key)
            intent.acks = result.replicasAcked
            intent.dot = CarriedVector.vector(of: result.version).flatMap(CarriedVector.newestDot)
            judgeNamed(result.overwritten, by: intent)
        case .failure(let failure):
            intent.isNotApplied = failure.outcome == .notApplied
            if failure.outcome == .applied { intent.acks = failure.applied?.replicasAcked ?? 1 }
            if let applied = failure.applied {
                judgeShown(applied.version, [intent.value] + applied.conflicts, intent.request.key)
            }
            if failure.outcome == nil { fail("a failed change has no outcome") }
        }
    }

    /// The sum of those setbacks of a replica's clock that its scripts may not have detected, in nanoseconds. Counts
    /// setbacks from ``unseenNs`` before `sinceNs` on. Staleness bounds and fences may be wrong by this sum.
    private func setBackNs(_ replica: SimulatedReplica, sinceNs: UInt64) -> UInt64 {
        let lookedAtNs = max(sinceNs, Self.unseenNs) - Self.unseenNs
        return replica.clock.setBacks.reduce(0) { $1.atNs >= lookedAtNs ? $0 + UInt64($1.byUs) * 1_000 : $0 }
    }

    /// Setbacks this long before the judged time count as well, because a fence or a staleness may rest on an earlier
    /// reading of the clock.
    private static let unseenNs = 4_000 * nsPerMs

    /// Checks that an answer shows all values that its version covers. Values with an expiry are not checked. A client
    /// that sends this version as its context states that it has seen them.
    private func judgeShown(_ version: String, _ shown: [Bytes?], _ key: Bytes) {
        guard let vector = CarriedVector.vector(of: version),
            let record = ledger.record(atVector: vector, key: RecordSnapshot.redisKey(key))
        else { return }
        for sibling in record.siblings where RecordSnapshot.isForEver(sibling.packed) {
            let value = RecordSnapshot.value(of: sibling.packed)
            if !shown.contains(value) {
                fail(
                    "\(key.text) was answered without \(value.text), which its version covers"
                )
            }
        }
    }

    /// - Parameter maxStalenessMs: the staleness limit of the request, in milliseconds; nil for none.
    func didRead(_ result: ReadResult, _ key: Bytes, maxStalenessMs: Int64?) {
        if let maxStalenessMs, result.stalenessMs.map({ $0 > maxStalenessMs }) ?? true {
            fail("\(key.text) was answered although it may be staler than its client allows")
        }
        judgeShown(result.version, [result.value] + result.conflicts, key)
        guard let stalenessMs = result.stalenessMs, CarriedVector.vector(of: result.version) != nil else { return }
        // An answer that joins the records of several replicas names no replica. Then the clock of any replica may
        // matter.
        let named = replicas.filter { "g\($0.index + 1)" == result.replica }
        let windowNs = UInt64(stalenessMs) * nsPerMs
        let sinceNs = max(world.nowNs, windowNs) - windowNs
        let setBacksNs = (named.isEmpty ? replicas : named).map { setBackNs($0, sinceNs: sinceNs) }
        let slackNs = nsPerMs + (setBacksNs.max() ?? 0)
        guard world.nowNs > windowNs + slackNs else { return }
        let boundNs = world.nowNs - windowNs - slackNs
        let due = ledger.record(RecordSnapshot.redisKey(key)).puts.filter { $0.atNs < boundNs && ledger.isHeld($0.id) }
        guard !due.isEmpty else { return }
        let shown = ledger.shown(by: result.version, of: key)
        if let missing = due.first(where: { !shown.contains($0.id) }) {
            let ageMs = (world.nowNs - missing.atNs) / nsPerMs
            fail(
                "\(key.text) read at \(result.replica ?? "several") with staleness \(stalenessMs) ms lacks a write that "
                    + "g\(missing.replica + 1) ran \(ageMs) ms before"
            )
        }
    }

    /// Checks that a write without a context reports the values that it overwrote unseen, if the ledger knows them.
    private func judgeNamed(_ overwritten: [Bytes?], by intent: Intent) {
        guard let value = intent.value, let id = ledger.id(ofValue: value), let unseen = ledger.unseen(by: id),
            unseen != overwritten
        else { return }
        fail("\(value.text) overwrote \(unseen.count) values unseen, and reports \(overwritten.count)")
    }

    // MARK: The end

    private var keys: [Bytes] {
        var keys: [Bytes] = []
        for replica in replicas {
            for entry in replica.redis.contents where entry.key.starts(with: RecordSnapshot.redisKey([])) {
                if !keys.contains(entry.key) { keys.append(entry.key) }
            }
        }
        return keys
    }

    /// True if all replicas have the same records, and no hints or hint overflows are left.
    var isConverged: Bool { differing == nil && remainingHints == nil }

    private var differing: Bytes? {
        keys.first { key in
            let records = replicas.map { RecordSnapshot($0.redis.value(key)) }
            return records.contains { $0 != records[0] }
        }
    }

    private var remainingHints: String? {
        for replica in replicas {
            for name in ["cap:hints:", "cap:hint_overflow:"] {
                for peer in replicas where peer.index != replica.index {
                    let key = Bytes("\(name)g\(peer.index + 1)".utf8)
                    if replica.redis.value(key) != nil { return "g\(replica.index + 1) has \(name)g\(peer.index + 1)" }
                }
            }
        }
        return nil
    }

    func judgeQuiet(unknownStaleness: String?) {
        isQuietJudged = true
        if let differing { fail("\(differing.text) differs between replicas after the heal") }
        if let remainingHints { fail("\(remainingHints) after the heal") }
        if let unknownStaleness { fail("a staleness is unknown after the heal: to \(unknownStaleness)") }
        for replica in replicas { judgeLists(of: replica) }
        for key in keys {
            let record = RecordSnapshot(replicas[0].redis.value(key))
            if let dot = ledger.resurrected(in: record, key: key) {
                fail("\(dot.text) of \(key.text) was replaced, and has returned")
            }
        }
    }

    /// Checks the lists that `/conflicts` and tombstone GC read: `cap:conflicts` and `cap:tombstones`.
    private func judgeLists(of replica: SimulatedReplica) {
        let conflicts = replica.redis.members(of: "cap:conflicts")
        let tombstones = replica.redis.members(of: "cap:tombstones")
        for key in Set(keys).union(conflicts) {
            let record = RecordSnapshot(replica.redis.value(key))
            if conflicts.contains(key) != record.isConflict {
                fail(
                    "\(key.text) is \(record.isConflict ? "not " : "")listed as a conflict at g\(replica.index + 1)"
                )
            }
            let isMortal = !record.siblings.contains { RecordSnapshot.isForEver($0.packed) }
            if !record.siblings.isEmpty, isMortal, !tombstones.contains(key) {
                fail("\(key.text) will never be collected at g\(replica.index + 1)")
            }
        }
    }

    func judgeEnd() {
        for problem in ledger.problems { fail(problem) }
        guard isQuietJudged else { return }
        var kept: [Bytes: Set<Bytes>] = [:]
        var ranAt: [Bytes: [WriteLedger.Put]] = [:]
        for key in Set(keys).union(ledger.records.keys) {
            let held = replicas.flatMap { RecordSnapshot($0.redis.value(key)).writes }
            kept[key] = ledger.covered(by: held + ledger.record(key).collected)
        }
        for (key, record) in ledger.records {
            for put in record.puts {
                ranAt[put.id, default: []].append(put)
                if ledger.isHeld(put.id), kept[key]?.contains(put.id) != true {
                    fail(
                        "a write of \(key.text) is lost that g\(put.replica + 1) ran and no replica had lost"
                    )
                }
            }
        }
        for intent in intents {
            let key = intent.recordKey
            let id =
                intent.value.flatMap { ledger.id(ofValue: $0) }
                ?? (intent.value == nil ? intent.dot.flatMap { ledger.id(ofDot: $0, key: key) } : nil)
            let name = "\(intent.value?.text ?? "a delete") of \(key.text)"
            guard let id else {
                if intent.acks > 0, intent.value != nil { fail("\(name) was acknowledged and never ran") }
                continue
            }
            let runs = ranAt[id] ?? []
            if intent.isNotApplied, !runs.isEmpty { fail("\(name) is not_applied, and ran") }
            // The time of a delete is not judged. Its `id` is the write of the newest dot in its answer. If the delete
            // ran twice, that may be another write.
            if let returnNs = intent.returnNs, intent.value != nil {
                for run in runs {
                    let slackNs = nsPerMs + setBackNs(replicas[run.replica], sinceNs: run.atNs)
                    if run.atNs > returnNs + slackNs {
                        fail("\(name) ran \((run.atNs - returnNs) / nsPerMs) ms after its client was answered")
                    }
                }
            }
            let lost = replicas.filter { $0.diskLosses != intent.diskLosses[$0.index] }.count
            if intent.acks > lost, kept[key]?.contains(id) != true {
                fail("\(name), acknowledged by \(intent.acks), is lost although \(lost) disks were")
            }
        }
    }
}
