import Replication

extension MemoryRedis {
    private func members(_ key: Bytes) throws(CommandError) -> SortedMembers {
        switch value(key) {
        case nil: return SortedMembers()
        case .sortedSet(let members): return members
        default: throw .wrongType
        }
    }

    func runOnSortedSets(_ name: String, _ arguments: [Bytes]) throws(CommandError) -> Reply? {
        guard name.hasPrefix("Z"), let key = arguments.first else { return nil }
        switch name {
        // As in Redis: these read their numbers before the key.
        case "ZADD": return try add(arguments)
        case "ZRANGE": return try range(arguments)
        case "ZRANGEBYSCORE": return try rangeByScore(arguments)
        default: break
        }
        var members = try members(key)
        switch name {
        case "ZREM":
            let removed = arguments.dropFirst().count { members.remove($0) }
            if removed > 0 { update(key, .sortedSet(members)) }
            return .integer(Int64(removed))
        case "ZCARD": return .integer(Int64(members.count))
        case "ZSCORE": return members.score(of: arguments[1]).map { .bulk(Bytes(number: $0)) } ?? .null
        default: return nil
        }
    }

    private func add(_ arguments: [Bytes]) throws(CommandError) -> Reply {
        var index = 1
        var isNewOnly = false
        if arguments[1].text.uppercased() == "NX" {
            isNewOnly = true
            index = 2
        }
        var pairs: [(score: Double, member: Bytes)] = []
        while index + 1 < arguments.count {
            pairs.append((try Self.score(arguments[index]), arguments[index + 1]))
            index += 2
        }
        var members = try members(arguments[0])
        var added: Int64 = 0
        for (score, member) in pairs where !isNewOnly || members.score(of: member) == nil {
            if members.set(member, score: score) { added += 1 }
        }
        update(arguments[0], .sortedSet(members))
        return .integer(added)
    }

    /// `ZRANGE key first last [WITHSCORES]`; a negative place counts from the end.
    private func range(_ arguments: [Bytes]) throws(CommandError) -> Reply {
        let places = [Int(try Self.number(arguments[1])), Int(try Self.number(arguments[2]))]
        let members = try members(arguments[0])
        let (first, last) = (
            max(0, places[0] < 0 ? members.count + places[0] : places[0]),
            min(places[1] < 0 ? members.count + places[1] : places[1], members.count - 1)
        )
        guard first <= last else { return .array([]) }
        return Self.reply(members.entries[first...last], withScores: arguments.count > 3)
    }

    /// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`; a bound may be exclusive or infinite.
    private func rangeByScore(_ arguments: [Bytes]) throws(CommandError) -> Reply {
        var withScores = false
        var (offset, limit) = (0, -1)
        var index = 3
        while index < arguments.count {
            switch arguments[index].text.uppercased() {
            case "WITHSCORES": withScores = true
            case "LIMIT" where index + 2 < arguments.count:
                offset = Int(try Self.number(arguments[index + 1]))
                limit = Int(try Self.number(arguments[index + 2]))
                index += 2
            default: throw .syntax
            }
            index += 1
        }
        let low = try Self.bound(arguments[1])
        let high = try Self.bound(arguments[2])
        let members = try members(arguments[0])
        var found = members.entries.filter { entry in
            (low.isExclusive ? entry.score > low.score : entry.score >= low.score)
                && (high.isExclusive ? entry.score < high.score : entry.score <= high.score)
        }[...]
        // As in Redis: a negative offset skips everything, and a negative count is no limit.
        found = found.dropFirst(offset < 0 ? found.count : offset)
        if limit >= 0 { found = found.prefix(limit) }
        return Self.reply(found, withScores: withScores)
    }

    private static func reply(_ entries: ArraySlice<SortedMembers.Entry>, withScores: Bool) -> Reply {
        .array(
            entries.flatMap { withScores ? [.bulk($0.member), .bulk(Bytes(number: $0.score))] : [.bulk($0.member)] })
    }
}
