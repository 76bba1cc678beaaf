import Replication

/// The history of every write, as observed at the replicas: where and when it ran, and whether it was replaced for a
/// valid reason.
///
/// There are two valid reasons. A write without a context replaces what its coordinator stores. A write with a context
/// replaces the values of the record for which the context was issued.
final class WriteLedger: ScriptWatcher {
    typealias WriteId = Bytes

    struct Put {
        let id: WriteId
        let replica: Int
        let atNs: UInt64
    }

    /// The history of one record.
    struct Record {
        fileprivate(set) var puts: [Put] = []
        /// The write of each dot.
        fileprivate var writes: [Bytes: WriteId] = [:]
        /// By version vector: the records that replicas have stored.
        fileprivate var snapshots: [Bytes: RecordSnapshot] = [:]
        /// Pairs of a dot and the dot that replaced it.
        fileprivate var successors: [(old: Bytes, new: Bytes)] = []
        /// Writes in records that tombstone GC has collected: tombstones and expired values.
        fileprivate(set) var collected: [WriteId] = []
        /// The writes that the collected writes had replaced. They must never return, because every replica had the
        /// tombstone for the whole grace period.
        fileprivate var buried: Set<WriteId> = []
    }

    private struct Write {
        var hasRun = false
        /// The writes that this write replaced.
        var replaced: [WriteId] = []
        /// By replica: its ``SimulatedReplica/losses`` when it last stored this write as a sibling.
        var holders: [Int: Int] = [:]
        /// The siblings, except the newest, that this write replaced. Nil if the write had a context, ran more than
        /// once, or ran in one call with another write of its key.
        var unseen: [Bytes?]?
        /// The context of a delete. A delete has no unique value by which to find its context.
        var context: Bytes?
    }

    /// The context and the write id of a client's unique value.
    private struct Value {
        var context: Bytes?
        var id: WriteId?
    }

    private let world: World
    private let replicas: [SimulatedReplica]
    private(set) var records: [Bytes: Record] = [:]
    private var writes: [WriteId: Write] = [:]
    private var values: [Bytes: Value] = [:]
    /// The records of the current script call, as they were before it.
    private var before: [RecordSnapshot] = []
    private(set) var collectedCount = 0
    private(set) var problems: [String] = []

    init(world: World, replicas: [SimulatedReplica]) {
        self.world = world
        self.replicas = replicas
    }

    /// Notes that a client is about to write the unique `value` with this context.
    func willWrite(_ value: Bytes, context: Bytes?) { values[value, default: Value()].context = context }

    // MARK: Questions of the judges

    func id(ofValue value: Bytes) -> WriteId? { values[value]?.id }
    func id(ofDot dot: Bytes, key: Bytes) -> WriteId? { records[key]?.writes[dot] }

    /// The values that a write without a context overwrote unseen, newest first. An entry is nil for a delete. The
    /// result is nil if they are unknown.
    func unseen(by id: WriteId) -> [Bytes?]? { writes[id]?.unseen }

    func record(_ key: Bytes) -> Record { records[key] ?? Record() }

    /// The record that some replica stored with this vector.
    func record(atVector vector: Bytes, key: Bytes) -> RecordSnapshot? { records[key]?.snapshots[vector] }

    /// The writes in the record with this vector. If no replica has stored such a record, it is a join that a session's
    /// read made. Then the result is the writes of all stored records that the vector covers.
    private func writes(atVector vector: Bytes, key: Bytes) -> [WriteId] {
        let snapshots = record(key).snapshots
        if let record = snapshots[vector] { return record.writes }
        let entries = CarriedVector.entries(vector)
        let parts = snapshots.filter { part in
            CarriedVector.entries(part.key).allSatisfy { $0.value <= entries[$0.key] ?? 0 }
        }
        return parts.flatMap(\.value.writes)
    }

    /// The writes that an answer with this version shows, and all that those replaced. Collected writes count as shown,
    /// because they had been deleted at every replica.
    func shown(by version: String, of clientKey: Bytes) -> Set<WriteId> {
        guard let vector = CarriedVector.vector(of: version) else { return [] }
        let key = RecordSnapshot.redisKey(clientKey)
        return covered(by: writes(atVector: vector, key: key) + record(key).collected)
    }

    /// True if some replica has kept the write, or its replacement, ever since the write ran. If all replicas lost the
    /// write and an old dump brings it back, this is false.
    func isHeld(_ id: WriteId) -> Bool {
        writes[id]?.holders.contains { replicas[$0.key].losses == $0.value } ?? false
    }

    /// `roots` and all writes that they replaced, directly or indirectly.
    func covered(by roots: [WriteId]) -> Set<WriteId> {
        var seen = Set(roots)
        var rest = roots
        while let id = rest.popLast() {
            for old in writes[id]?.replaced ?? [] where seen.insert(old).inserted { rest.append(old) }
        }
        return seen
    }

    /// The dot of a value that was replaced at one replica, and is now a sibling of its own replacement; nil if there
    /// is none.
    func resurrected(in snapshot: RecordSnapshot, key: Bytes) -> Bytes? {
        let dots = Set(snapshot.siblings.map(\.dot))
        return record(key).successors.first { dots.contains($0.old) && dots.contains($0.new) }?.old
    }

    // MARK: ScriptWatcher

    func willRun(_ script: Script, keys: [Bytes], on replica: SimulatedReplica) {
        guard ["put", "delete", "collect"].contains(script.name) else { return }
        before = keys.map { RecordSnapshot(replica.redis.value($0)) }
    }

    func didRun(_ script: Script, keys: [Bytes], arguments: [Bytes], reply: Reply, on replica: SimulatedReplica) {
        switch script.name {
        case "collect": noteCollected(keys, on: replica)
        case "merge": note(keys, sent: [], on: replica)
        case "put", "delete":
            let packed = arguments.filter(RecordSnapshot.isPacked)
            note(keys, sent: packed.map(RecordSnapshot.writeId), on: replica)
            guard packed.count == keys.count else {
                problems.append("a put of \(keys.count) keys carries \(packed.count) values")
                return
            }
            noteContextsOfDeletes(arguments)
            var done: [Bytes] = []
            for (place, key) in keys.enumerated() where !done.contains(key) {
                done.append(key)
                let ran = keys.indices.filter { keys[$0] == key && Self.hasRun(reply[$0]) }.map { packed[$0] }
                noteRun(ran, key, before: before[place], on: replica)
            }
        default: break
        }
    }

    /// Notes the contexts of deletes, taken from the arguments of the call, because a delete has no unique value.
    private func noteContextsOfDeletes(_ arguments: [Bytes]) {
        for (place, argument) in arguments.enumerated()
        where RecordSnapshot.isPacked(argument) && RecordSnapshot.value(of: argument).isEmpty {
            let context = arguments[place + 2]
            guard context != Bytes("-".utf8) else { continue }
            writes[RecordSnapshot.writeId(of: argument), default: Write()].context = context
        }
    }

    private func context(of packed: Bytes) -> Bytes? {
        values[RecordSnapshot.value(of: packed)]?.context ?? writes[RecordSnapshot.writeId(of: packed)]?.context
    }

    private static func hasRun(_ answer: Reply?) -> Bool {
        let line = answer?.bytes ?? answer?[0]?.bytes ?? []
        return line.starts(with: Bytes("OK ".utf8)) || line.starts(with: Bytes("SAME ".utf8))
    }

    private func noteCollected(_ keys: [Bytes], on replica: SimulatedReplica) {
        for (key, snapshot) in zip(keys, before) where !snapshot.vector.isEmpty && replica.redis.value(key) == nil {
            collectedCount += 1
            let nowMs = replica.redis.nowUs() / 1_000
            if let alive = snapshot.siblings.first(where: { RecordSnapshot.isAlive($0.packed, atMs: nowMs) }) {
                problems.append("\(alive.dot.text) of \(key.text) was collected alive")
            }
            records[key, default: Record()].collected += snapshot.writes
            records[key, default: Record()].buried.formUnion(
                covered(by: snapshot.writes).subtracting(snapshot.writes))
        }
    }

    /// Notes what a replica stores after a call. `sent` are the writes that the call carried.
    private func note(_ keys: [Bytes], sent: [WriteId], on replica: SimulatedReplica) {
        for key in keys {
            let snapshot = RecordSnapshot(replica.redis.value(key))
            note(snapshot, key)
            for id in snapshot.writes where isHeld(id) || sent.contains(id) {
                writes[id, default: Write()].holders[replica.index] = replica.losses
            }
        }
    }

    private func note(_ snapshot: RecordSnapshot, _ key: Bytes) {
        guard !snapshot.vector.isEmpty else { return }
        var record = records.removeValue(forKey: key) ?? Record()
        defer { records[key] = record }
        let back = snapshot.siblings.first { record.buried.contains(RecordSnapshot.writeId(of: $0.packed)) }
        if let back { problems.append("\(back.dot.text) of \(key.text) was collected, and has returned") }
        if let known = record.snapshots[snapshot.vector] {
            if known != snapshot { problems.append("two records of \(key.text) have one vector") }
            return
        }
        record.snapshots[snapshot.vector] = snapshot
        for sibling in snapshot.siblings { record.writes[sibling.dot] = RecordSnapshot.writeId(of: sibling.packed) }
    }

    /// Notes the writes that one script call ran on one record, in their order.
    private func noteRun(_ ran: [Bytes], _ key: Bytes, before: RecordSnapshot, on replica: SimulatedReplica) {
        guard !ran.isEmpty else { return }
        let after = RecordSnapshot(replica.redis.value(key))
        let held = Set(before.writes)
        var left = Set(after.writes)
        var lastBlind: WriteId?
        var gone = before.writes
        for packed in ran {
            let id = RecordSnapshot.writeId(of: packed)
            let value = RecordSnapshot.value(of: packed)
            var write = writes[id] ?? Write()
            if !value.isEmpty { values[value, default: Value()].id = id }
            let isAlone = ran.count == 1 && !held.contains(id) && !write.hasRun
            write.unseen = isAlone && values[value]?.context == nil ? before.besideTheNewest : nil
            write.hasRun = true
            defer { writes[id] = write }
            guard !held.contains(id) else { continue }
            records[key, default: Record()].puts.append(Put(id: id, replica: replica.index, atNs: world.nowNs))
            if let context = context(of: packed) {
                write.replaced += writes(atVector: context, key: key).filter { $0 != id }
            } else {
                lastBlind = id
            }
            gone.append(id)
        }
        if let lastBlind {
            left.insert(lastBlind)
            writes[lastBlind, default: Write()].replaced += gone.filter { !left.contains($0) }
        }
        guard ran.count == 1, let new = after.siblings.last(where: { !before.siblings.map(\.dot).contains($0.dot) })
        else { return }
        let kept = Set(after.siblings.map(\.dot))
        // A write with a context also replaces what its client had seen at other replicas.
        let seen = context(of: new.packed).flatMap { record(atVector: $0, key: key)?.siblings } ?? []
        for sibling in before.siblings + seen where !kept.contains(sibling.dot) {
            records[key, default: Record()].successors.append((sibling.dot, new.dot))
        }
    }
}
