import Replication

extension MemoryRedis {
    private func members(_ key: Bytes) throws(CommandError) -> SortedMembers {
        switch value(key) {
        case nil: return SortedMembers()
        case .sortedSet(let members): return members
        default: throw .wrongType
        }
    }

    private static func score(_ argument: Bytes) throws(CommandError) -> Double {
        guard let score = Double(argument.text), !score.isNaN else { throw .notAFloat }
        return score
    }

    func runOnSortedSets(_ name: String, _ arguments: [Bytes]) throws(CommandError) -> Reply? {
        guard name.hasPrefix("Z"), let key = arguments.first else { return nil }
        var members = try members(key)
        switch name {
        case "ZADD": return try add(arguments, to: &members)
        case "ZREM":
            let removed = arguments.dropFirst().count { members.remove($0) }
            if removed > 0 { update(key, .sortedSet(members)) }
            return .integer(Int64(removed))
        case "ZCARD": return .integer(Int64(members.count))
        case "ZSCORE": return members.score(of: arguments[1]).map { .bulk(Bytes(number: $0)) } ?? .null
        case "ZRANGE":
            let first = Int(try Self.number(arguments[1]))
            let last = Int(try Self.number(arguments[2]))
            let end = last < 0 ? members.count + last : min(last, members.count - 1)
            guard first <= end else { return .array([]) }
            return Self.reply(members.entries[first...end], withScores: arguments.count > 3)
        case "ZRANGEBYSCORE": return try range(arguments, in: members)
        default: return nil
        }
    }

    private func add(_ arguments: [Bytes], to members: inout SortedMembers) throws(CommandError) -> Reply {
        var index = 1
        var isNewOnly = false
        if arguments[1].text.uppercased() == "NX" {
            isNewOnly = true
            index = 2
        }
        var added: Int64 = 0
        while index + 1 < arguments.count {
            let score = try Self.score(arguments[index])
            let member = arguments[index + 1]
            index += 2
            if isNewOnly, members.score(of: member) != nil { continue }
            if members.set(member, score: score) { added += 1 }
        }
        update(arguments[0], .sortedSet(members))
        return .integer(added)
    }

    /// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`; a bound may be exclusive or infinite.
    private func range(_ arguments: [Bytes], in members: SortedMembers) throws(CommandError) -> Reply {
        func bound(_ argument: Bytes) throws(CommandError) -> (score: Double, isExclusive: Bool) {
            let text = argument.text
            if text == "-inf" { return (-.infinity, false) }
            if text == "+inf" { return (.infinity, false) }
            guard argument.first == UInt8(ascii: "(") else { return (try Self.score(argument), false) }
            return (try Self.score(Bytes(argument.dropFirst())), true)
        }
        let low = try bound(arguments[1])
        let high = try bound(arguments[2])
        var found = members.entries.filter { entry in
            (low.isExclusive ? entry.score > low.score : entry.score >= low.score)
                && (high.isExclusive ? entry.score < high.score : entry.score <= high.score)
        }[...]
        var withScores = false
        var index = 3
        while index < arguments.count {
            switch arguments[index].text.uppercased() {
            case "WITHSCORES": withScores = true
            case "LIMIT":
                // As in Redis: a negative offset skips everything, and a negative count is no limit.
                let offset = Int(try Self.number(arguments[index + 1]))
                let count = Int(try Self.number(arguments[index + 2]))
                found = found.dropFirst(offset < 0 ? found.count : offset)
                if count >= 0 { found = found.prefix(count) }
                index += 2
            default: throw .syntax
            }
            index += 1
        }
        return Self.reply(found, withScores: withScores)
    }

    private static func reply(_ entries: ArraySlice<SortedMembers.Entry>, withScores: Bool) -> Reply {
        .array(
            entries.flatMap { withScores ? [.bulk($0.member), .bulk(Bytes(number: $0.score))] : [.bulk($0.member)] })
    }
}
