import Replication

/// The history of every write, observed at the replicas and independent of vectors: which writes ran where and when, and which
/// ones were replaced by which for a valid reason.
///
/// Valid reasons: a write without a context replaces what its coordinator holds; a write with a context replaces what the record
/// held that the context was issued for.
final class WriteLedger: ScriptWatcher {
    typealias WriteId = Bytes

    struct Put {
        let id: WriteId
        let replica: Int
        let atNs: UInt64
        /// The replica's ``SimulatedReplica/losses`` then.
        let losses: Int
    }

    private let world: World
    private let replicas: [SimulatedReplica]
    private(set) var puts: [Bytes: [Put]] = [:]
    private(set) var problems: [String] = []
    /// By write: those that it replaced.
    private var replaced: [WriteId: [WriteId]] = [:]
    /// By record: dots and the dots that replaced them.
    private var successors: [Bytes: [(old: Bytes, new: Bytes)]] = [:]
    private var writes: [Bytes: [Bytes: WriteId]] = [:]
    private var records: [Bytes: [Bytes: RecordSnapshot]] = [:]
    /// By write: replicas that had it as a sibling, and their ``SimulatedReplica/losses`` then.
    private var holders: [WriteId: [Int: Int]] = [:]
    private var idOfValue: [Bytes: WriteId] = [:]
    /// By value: the context that its client sent with it.
    private var contexts: [Bytes: Bytes] = [:]
    private var contextsOfDeletes: [WriteId: Bytes] = [:]
    private var before: [RecordSnapshot] = []
    /// By record: tombstones and expired values that were collected.
    private(set) var collected: [Bytes: [WriteId]] = [:]
    /// By record: the writes that those had replaced. Every replica held the tombstone for the whole grace period, so they can
    /// never return.
    private var buried: [Bytes: Set<WriteId>] = [:]
    private(set) var collectedCount = 0
    /// By write without a context: the siblings besides the newest when it replaced all; nil for a write that ran more than
    /// once, or in one call with another write of its key.
    private var besides: [WriteId: [Bytes?]?] = [:]

    init(world: World, replicas: [SimulatedReplica]) {
        self.world = world
        self.replicas = replicas
    }

    /// A client is about to write the unique `value` with this context.
    func willWrite(_ value: Bytes, context: Bytes?) {
        if let context { contexts[value] = context }
    }

    func id(ofValue value: Bytes) -> WriteId? { idOfValue[value] }
    func id(ofDot dot: Bytes, key: Bytes) -> WriteId? { writes[key]?[dot] }

    /// The values that a write without a context overwrote unseen, newest first, a delete as nil; nil if unknown.
    func unseen(by id: WriteId) -> [Bytes?]? { besides[id] ?? nil }

    /// The record that some replica had under this vector.
    func record(atVector vector: Bytes, key: Bytes) -> RecordSnapshot? { records[key]?[vector] }

    /// The writes that the record with this vector held. A record that no replica ever had is a join that was made for a session:
    /// it shows all that its parts held, or what replaced it.
    func writes(atVector vector: Bytes, key: Bytes) -> [WriteId] {
        if let record = records[key]?[vector] { return record.writes }
        let entries = CarriedVector.entries(vector)
        let parts = (records[key] ?? [:]).filter { part in
            CarriedVector.entries(part.key).allSatisfy { $0.value <= entries[$0.key] ?? 0 }
        }
        return parts.flatMap(\.value.writes)
    }

    /// Some replica has kept the write, or its replacement, ever since it ran. A write that all replicas lost and an old dump
    /// brings back does not count.
    func isHeld(_ id: WriteId) -> Bool {
        holders[id]?.contains { replicas[$0.key].losses == $0.value } ?? false
    }

    private func noteHolder(of ids: [WriteId], _ replica: SimulatedReplica) {
        for id in ids { holders[id, default: [:]][replica.index] = replica.losses }
    }

    /// `roots` and all that they replaced, directly or not.
    func covered(by roots: [WriteId]) -> Set<WriteId> {
        var seen = Set(roots)
        var rest = roots
        while let id = rest.popLast() {
            for old in replaced[id] ?? [] where seen.insert(old).inserted { rest.append(old) }
        }
        return seen
    }

    /// A value that was replaced at one replica and is a sibling of its replacement.
    func resurrected(in record: RecordSnapshot, key: Bytes) -> Bytes? {
        let dots = Set(record.siblings.map(\.dot))
        return successors[key]?.first { dots.contains($0.old) && dots.contains($0.new) }?.old
    }

    // MARK: ScriptWatcher

    func willRun(_ script: Script, keys: [Bytes], on replica: SimulatedReplica) {
        guard script.name == "put" || script.name == "collect" else { return }
        before = keys.map { RecordSnapshot(replica.redis.value($0)) }
    }

    func didRun(_ script: Script, keys: [Bytes], arguments: [Bytes], reply: Reply, on replica: SimulatedReplica) {
        if script.name == "collect" { noteReaped(keys, on: replica) }
        guard script.name == "put" || script.name == "merge" else { return }
        let sent = script.name == "put" ? arguments.filter(RecordSnapshot.isPacked).map(RecordSnapshot.writeId) : []
        for key in keys {
            let record = RecordSnapshot(replica.redis.value(key))
            note(record, key)
            noteHolder(of: record.writes.filter { isHeld($0) || sent.contains($0) }, replica)
        }
        guard script.name == "put" else { return }
        let packed = arguments.filter(RecordSnapshot.isPacked)
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
    }

    /// A delete has no unique value: its context is read from the arguments of the call.
    private func noteContextsOfDeletes(_ arguments: [Bytes]) {
        for (place, argument) in arguments.enumerated()
        where RecordSnapshot.isPacked(argument) && RecordSnapshot.value(of: argument).isEmpty {
            let context = arguments[place + 2]
            if context != Bytes("-".utf8) { contextsOfDeletes[RecordSnapshot.writeId(of: argument)] = context }
        }
    }

    private func context(of packed: Bytes) -> Bytes? {
        contexts[RecordSnapshot.value(of: packed)] ?? contextsOfDeletes[RecordSnapshot.writeId(of: packed)]
    }

    private static func hasRun(_ answer: Reply?) -> Bool {
        let line = answer?.bytes ?? answer?[0]?.bytes ?? []
        return line.starts(with: Bytes("OK ".utf8)) || line.starts(with: Bytes("SAME ".utf8))
    }

    private func noteReaped(_ keys: [Bytes], on replica: SimulatedReplica) {
        for (key, record) in zip(keys, before) where !record.vector.isEmpty && replica.redis.value(key) == nil {
            collectedCount += 1
            let nowMs = replica.redis.nowUs() / 1_000
            if let alive = record.siblings.first(where: { RecordSnapshot.isAlive($0.packed, atMs: nowMs) }) {
                problems.append("\(Self.text(alive.dot)) of \(Self.text(key)) was collected alive")
            }
            collected[key, default: []] += record.writes
            buried[key, default: []].formUnion(covered(by: record.writes).subtracting(record.writes))
        }
    }

    private func note(_ record: RecordSnapshot, _ key: Bytes) {
        guard !record.vector.isEmpty else { return }
        if let buried = buried[key],
            let back = record.siblings.first(where: {
                buried.contains(RecordSnapshot.writeId(of: $0.packed))
            })
        {
            problems.append("\(Self.text(back.dot)) of \(Self.text(key)) was collected, and has returned")
        }
        if let known = records[key]?[record.vector] {
            if known != record { problems.append("two records of \(Self.text(key)) have one vector") }
            return
        }
        records[key, default: [:]][record.vector] = record
        for sibling in record.siblings {
            writes[key, default: [:]][sibling.dot] = RecordSnapshot.writeId(of: sibling.packed)
        }
    }

    /// The writes of one script call to one record, in order.
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
            if !value.isEmpty { idOfValue[value] = id }
            let isAlone = ran.count == 1 && !held.contains(id) && besides[id] == nil
            besides.updateValue(isAlone && contexts[value] == nil ? before.besideTheNewest : nil, forKey: id)
            guard !held.contains(id) else { continue }
            puts[key, default: []].append(
                Put(id: id, replica: replica.index, atNs: world.nowNs, losses: replica.losses))
            if let context = context(of: packed) {
                replaced[id, default: []] += writes(atVector: context, key: key).filter { $0 != id }
            } else {
                lastBlind = id
            }
            gone.append(id)
        }
        if let lastBlind {
            left.insert(lastBlind)
            replaced[lastBlind, default: []] += gone.filter { !left.contains($0) }
        }
        guard ran.count == 1, let new = after.siblings.last(where: { !before.siblings.map(\.dot).contains($0.dot) })
        else { return }
        let kept = Set(after.siblings.map(\.dot))
        // Also what its client had seen elsewhere.
        let seen = context(of: new.packed).flatMap { records[key]?[$0]?.siblings } ?? []
        for sibling in before.siblings + seen where !kept.contains(sibling.dot) {
            successors[key, default: []].append((sibling.dot, new.dot))
        }
    }

    static func text(_ bytes: Bytes) -> String { String(decoding: bytes, as: UTF8.self) }
}
