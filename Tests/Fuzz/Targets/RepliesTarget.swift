import Replication

@testable import Available
@testable import Consistent
@testable import Redis
@testable import Service

/// The decoders of both engines and any reply: they refuse it, or agree with each other about it.
struct RepliesTarget: FuzzTarget {
    private let key = Bytes("k".utf8)

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        let reply = ReplyMaker.reply(&input, depth: 4)
        let nowMs = Int64(truncatingIfNeeded: input.number())
        try checkRecord(reply, nowMs: nowMs)
        try checkScriptReplies(reply)
        try checkAcceptor(reply)
        checkMembership(reply)
        if let reading = ClockReading(reply, sentMs: 1_000, receivedMs: 1_010, roundTripNs: 10_000_000) {
            try require(reading.offsetMs.magnitude <= 1 << 53, "an offset of \(reading.offsetMs) ms")
        }
    }

    private func checkRecord(_ reply: Reply, nowMs: Int64) throws(Finding) {
        let stored = StoredRecord(reply, nowMs: nowMs)
        let record = Record(stored: reply)
        guard let stored, let record, record.siblings.count * 2 + 2 <= reply.array?.count ?? 0 else { return }
        // A hash has each field once; a hostile server may send one twice.
        let names = stride(from: 0, to: reply.array?.count ?? 0, by: 2).compactMap { reply[$0]?.bytes }
        guard Set(names).count == names.count else { return }
        try require(record.view(atMs: nowMs) == stored.view, "two views of \(reply)")
        try require(VersionVector(text: stored.vector) == record.vector, "two vectors of \(reply)")
        try require(record.joined(record) == record, "\(record) and itself")
    }

    private func checkScriptReplies(_ reply: Reply) throws(Finding) {
        let script = ScriptReply(reply)
        _ = (script.ok, script.errorOfReplica, script.isNoScript)
        let page = RecordPage(reply.array ?? [])
        try require(page.keys.count == page.vectors.count, "a page of \(page.keys.count) keys")
        let packed = Bytes("V0011223344556677::value".utf8)
        if case .applied(let applied) = PutReply(reply, packed: packed, actor: Bytes("g1.0".utf8)) {
            try require(applied.siblings.count.isMultiple(of: 2), "\(applied.siblings.count) dots and siblings")
            try require(applied.hlc <= UInt64(Int64.max), "an hlc of \(applied.hlc)")
        }
        if case .expected(let content) = IdentifiedReply(reply, from: key) {
            try require(reply == .array([content, .bulk(key)]), "\(reply) is expected")
        }
        try require(reply.number.map { (0..<1 << 53).contains($0) } ?? true, "the number of \(reply)")
        _ = ServerInfo(reply)?.evictionProblem
    }

    private func checkAcceptor(_ reply: Reply) throws(Finding) {
        for verdict in [AcceptorReply(prepare: reply), AcceptorReply(accept: reply)] {
            switch verdict {
            case .promised(let ballot, let state):
                try require(Ballot.zero <= ballot && ballot < ballot.next, "the ballot \(ballot)")
                try require(state.version < 1 << 53, "a version of \(state.version)")
                _ = state.isExpired(atMs: .max)
            case .rejected(let ballot): try require(ballot < ballot.next, "the ballot \(ballot)")
            default: break
            }
        }
        if let ballot = RecordSummary(reply).ballot { try require(Ballot.zero <= ballot, "the ballot \(ballot)") }
        if let fields = reply.array, let state = RegisterState(fields: fields[...]) {
            let again = RegisterState.writers(from: state.writersText)
            try require(again == state.writers, "the writers \(state.writers)")
        }
    }

    private func checkMembership(_ reply: Reply) {
        _ = ReplicaObservation(reply, group: Bytes("cp".utf8), name: "g1")
        _ = ReportedIdentity(fields: reply, group: Bytes("cp".utf8), name: "g1")
        _ = GCWatermark(reply)
        _ = Durability(info: reply, configuration: reply)
        _ = Durability(info: reply[0], configuration: reply[1])
        if let text = reply.bytes { _ = GroupConfiguration(text: text, names: ["g1", "g2", "g3"]) }
    }
}
