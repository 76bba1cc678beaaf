import Replication

/// A value in the simulated Redis. The order of collections does not depend on hashing, so that runs are repeatable.
enum RedisValue: Equatable {
    case string(Bytes)
    case hash(HashFields)
    case sortedSet(SortedMembers)

    var isEmpty: Bool {
        switch self {
        case .string: false
        case .hash(let fields): fields.count == 0
        case .sortedSet(let members): members.count == 0
        }
    }
}

/// The fields of a hash, in the order in which they were first set, as in a small hash of Redis.
struct HashFields: Equatable {
    private(set) var pairs: [(field: Bytes, value: Bytes)] = []

    var count: Int { pairs.count }

    static func == (left: HashFields, right: HashFields) -> Bool {
        left.pairs.count == right.pairs.count && zip(left.pairs, right.pairs).allSatisfy { $0 == $1 }
    }

    subscript(field: Bytes) -> Bytes? { pairs.first { $0.field == field }?.value }

    /// - Returns: true if the field is new.
    mutating func set(_ field: Bytes, _ value: Bytes) -> Bool {
        if let index = pairs.firstIndex(where: { $0.field == field }) {
            pairs[index].value = value
            return false
        }
        pairs.append((field, value))
        return true
    }

    mutating func remove(_ field: Bytes) -> Bool {
        guard let index = pairs.firstIndex(where: { $0.field == field }) else { return false }
        pairs.remove(at: index)
        return true
    }
}

/// The members of a sorted set, ordered by score and then by bytes.
struct SortedMembers: Equatable {
    struct Entry: Equatable {
        let score: Double
        let member: Bytes

        func isBefore(_ other: Entry) -> Bool {
            score != other.score ? score < other.score : member.lexicographicallyPrecedes(other.member)
        }
    }
    private(set) var entries: [Entry] = []
    private var scores: [Bytes: Double] = [:]

    var count: Int { entries.count }

    func score(of member: Bytes) -> Double? { scores[member] }

    /// - Returns: true if the member is new.
    mutating func set(_ member: Bytes, score: Double) -> Bool {
        let isNew = !remove(member)
        let entry = Entry(score: score, member: member)
        entries.insert(entry, at: place(of: entry))
        scores[member] = score
        return isNew
    }

    mutating func remove(_ member: Bytes) -> Bool {
        guard let score = scores.removeValue(forKey: member) else { return false }
        entries.remove(at: place(of: Entry(score: score, member: member)))
        return true
    }

    private func place(of entry: Entry) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].isBefore(entry) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Bytes {
    /// The bytes, decoded as UTF-8.
    var text: String { String(decoding: self, as: UTF8.self) }
}
