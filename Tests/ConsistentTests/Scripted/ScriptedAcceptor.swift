import Replication

@testable import Consistent

/// One replica of a unit test: the two phases and the plain read in Swift, so that a test of the proposer needs no
/// Redis. The Lua scripts are tested on real servers.
final class ScriptedAcceptor {
    struct Record {
        var promise = Ballot.zero
        var ballot: Ballot?
        /// In this order: version, value, deleted, expires_ms, writers, evicted_at.
        var fields: [Reply] = []
    }

    var group = Bytes("cp".utf8)
    let name: Bytes
    var incarnation: Bytes
    var state = "member"
    var epoch: UInt64 = 1
    var isBlank = false
    var gcVersion: UInt64 = 0
    var records: [Bytes: Record] = [:]

    init(name: String, incarnation: String) {
        self.name = Bytes(name.utf8)
        self.incarnation = Bytes(incarnation.utf8)
    }

    var identity: Reply {
        isBlank
            ? .array(Array(repeating: .null, count: 5))
            : .array([
                .bulk(group), .bulk(name), .bulk(incarnation), .bulk(Bytes(state.utf8)), .bulk(Bytes(decimal: epoch)),
            ])
    }

    func run(_ command: Command, replica: Int) -> Reply {
        switch command.verb {
        case .step(let script, let key, let shared):
            let tail = command.tail(replica)
            guard !isBlank, shared[0] == group, tail[0] == incarnation, state == "member" else {
                return .array([.bulk(Bytes("NOTMEMBER".utf8))])
            }
            let asked = UInt64(Int64(decimal: shared[1])!)
            guard asked >= epoch else { return .array([.bulk(Bytes("STALE".utf8))]) }
            epoch = asked
            switch script.name {
            case "prepare", "prepare_delete": return prepare(key, Ballot(text: command.arguments[0])!)
            case "accept", "accept_tombstone": return accept(key, command.arguments)
            default: return .error("ERR no such script in this test")
            }
        case .plain(let arguments):
            guard arguments[0] == Bytes("HMGET".utf8) else {
                let watermark = Reply.bulk(Bytes(decimal: gcVersion))
                return command.checksIdentity ? .array([watermark, identity]) : watermark
            }
            return .array([read(arguments[1]), identity])
        case .script: return .error("ERR no such script in this test")
        }
    }

    private func read(_ key: Bytes) -> Reply {
        guard let record = records[key], let ballot = record.ballot else {
            return .array(Array(repeating: .null, count: 5))
        }
        return .array([.bulk(ballot.text)] + record.fields.prefix(4))
    }

    private func prepare(_ key: Bytes, _ ballot: Ballot) -> Reply {
        var record = records[key] ?? Record()
        if ballot <= max(record.promise, record.ballot ?? .zero) { return rejected(record) }
        record.promise = ballot
        records[key] = record
        guard let accepted = record.ballot else {
            let watermark = Reply.bulk(Bytes(decimal: gcVersion))
            let empty = Reply.bulk([])
            return .array([.null, watermark, empty, .bulk(Bytes("1".utf8)), empty, empty, watermark])
        }
        return .array([.bulk(accepted.text)] + record.fields)
    }

    private func accept(_ key: Bytes, _ arguments: [Bytes]) -> Reply {
        let (ballot, next) = (Ballot(text: arguments[0])!, Ballot(text: arguments[1])!)
        var record = records[key] ?? Record()
        if record.ballot != ballot {
            if ballot < max(record.promise, record.ballot ?? .zero) { return rejected(record) }
            record.ballot = ballot
            record.fields = arguments[2...].map { .bulk($0) }
        }
        record.promise = max(record.promise, next)
        records[key] = record
        return .integer(1)
    }

    private func rejected(_ record: Record) -> Reply {
        .array([.bulk(Bytes("REJECTED".utf8)), .bulk(max(record.promise, record.ballot ?? .zero).text)])
    }
}
