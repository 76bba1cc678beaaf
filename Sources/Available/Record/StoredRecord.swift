import Replication

/// A record as `HGETALL` returns it. It is interpreted without building a ``Record``: every read takes this path, and
/// almost every record has only one sibling.
struct StoredRecord {
    /// The record's version vector as text; empty if there is no record.
    private(set) var vector: Bytes = []
    private(set) var view = Record.View()

    /// Nil if `reply` is not a record. A key that does not exist gives an empty record.
    ///
    /// - Parameter nowMs: the replica's clock, which decides what has expired.
    init?(_ reply: Reply, nowMs: Int64) {
        guard case .array(let fields) = reply, fields.count.isMultiple(of: 2) else { return nil }
        guard !fields.isEmpty else { return }
        var isComplete = false
        var loneField = -1
        var siblings = 0
        var index = 0
        while index < fields.count {
            guard case .bulk(let name) = fields[index], case .bulk(let value) = fields[index + 1] else { return nil }
            if name.count == 2 {
                if name[0] == UInt8(ascii: "v"), name[1] == UInt8(ascii: "v") {
                    vector = value
                    isComplete = true
                } else if name[0] != UInt8(ascii: "a") || name[1] != UInt8(ascii: "t") {
                    return nil
                }
            } else {
                loneField = index
                siblings += 1
            }
            index += 2
        }
        guard isComplete else { return nil }
        if siblings == 1 {
            guard case .bulk(let packed) = fields[loneField + 1], let sibling = Sibling(packed: packed) else {
                return nil
            }
            if !sibling.isAbsent(atMs: nowMs) {
                view.value = sibling.value
                view.expiresMs = sibling.expiresMs
            }
        } else {
            guard let several = Self.siblings(fields) else { return nil }
            view = Record.view(of: several, atMs: nowMs)
        }
    }

    fileprivate static let vectorField = Bytes("vv".utf8)
    private static let changeField = Bytes("at".utf8)

    fileprivate static func siblings(_ fields: [Reply]) -> [(dot: Dot, sibling: Sibling)]? {
        var siblings: [(dot: Dot, sibling: Sibling)] = []
        for index in stride(from: 0, to: fields.count, by: 2) {
            guard let name = fields[index].bytes, let packed = fields[index + 1].bytes else { return nil }
            if name.count == 2 {
                guard name == vectorField || name == changeField else { return nil }
                continue
            }
            guard let dot = Dot(text: name), let sibling = Sibling(packed: packed) else { return nil }
            siblings.append((dot, sibling))
        }
        return siblings
    }
}

extension Record {
    /// Parses all of a record as `HGETALL` returns it. Empty if the key does not exist; nil if `reply` is not a record.
    init?(stored reply: Reply) {
        guard case .array(let fields) = reply, fields.count.isMultiple(of: 2),
            let siblings = StoredRecord.siblings(fields)
        else { return nil }
        let position = stride(from: 0, to: fields.count, by: 2).first { fields[$0].bytes == StoredRecord.vectorField }
        guard let vector = VersionVector(text: position.flatMap { fields[$0 + 1].bytes } ?? []) else { return nil }
        self.init(vector: vector, siblings: Dictionary(siblings.map { ($0.dot, $0.sibling) }) { first, _ in first })
    }
}

/// A record in transit to other replicas, as arguments of `merge`. Its siblings are not parsed.
struct CarriedRecord {
    let key: Bytes
    let vector: Bytes
    /// The vector of the record that this one replaced as a whole; nil if it did not, or if that is unknown. A replica
    /// that holds exactly that vector stores this record without a join.
    var replaced: Bytes?
    /// Dots and packed siblings, alternating.
    let siblings: [Bytes]

    /// Appends this record's part of the arguments of `merge`.
    func append(to arguments: inout [Bytes]) {
        arguments.append(vector)
        arguments.append(replaced ?? Arguments.noVector)
        arguments.append(Bytes(decimal: UInt64(siblings.count / 2)))
        arguments += siblings
    }

    var byteCount: Int { siblings.reduce(key.count + vector.count) { $0 + $1.count } }
}
