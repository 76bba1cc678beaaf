import EventLoop
import Replication

/// What `/replicas` and `/conflicts` show.
public struct AvailableReplicaStatus: Sendable, Equatable {
    /// What this replica owes another one.
    public struct Debt: Sendable, Equatable {
        public let peer: String
        /// Records in its outbox.
        public let entries: Int
        /// Writes that its full outbox could not list; above 0 until everything has been compared.
        public let overflowed: Int
        /// Age of the oldest by the clocks of their writes, in milliseconds; nil for no debt.
        public let oldestMs: Int64?
    }

    public let name: String
    /// It can be asked now.
    public let isReachable: Bool
    /// The error that it answers scripts with, e.g. that its memory is full; nil where they run.
    public let error: String?
    /// How old all that follows is, in milliseconds; nil where it was never asked.
    public let asOfMsAgo: Int64?
    /// Nil before it was ever reached.
    public let incarnation: String?
    /// How old its answers may be; nil where that is not known.
    public let stalenessMs: Int64?
    /// By peer: how long ago it had everything of that peer; nil where that is not known.
    public let heardMsAgo: [String: Int64?]
    public let owes: [Debt]
    public let isSuspected: Bool
    /// Why it is not used although it answers; nil where it is.
    public let refusal: String?
    /// All of its records are to be compared with the other replicas, as some of what it lacks stands in no outbox.
    public let isComparing: Bool
    /// Since the last complete comparison; nil for never.
    public let comparedMsAgo: Int64?
}

/// One page of keys that hold more than one value.
public struct ConflictPage: Sendable, Equatable {
    public let keys: [Bytes]
    /// For the next page; nil at the end.
    public let next: Bytes?
}

extension AvailableEngine {
    /// Every replica as of the last poll. Asks nobody.
    public func status() -> [AvailableReplicaStatus] {
        let nowNs = scheduler.nowNs
        return states.indices.map { replica in
            let state = states[replica]
            var heard: [String: Int64?] = [:]
            for peer in states.indices where peer != replica {
                heard[states[peer].name] = .some(state.heardUs[peer].map { (state.polledUs - $0) / 1_000 })
            }
            let owes = states.indices.filter { $0 != replica }.map { peer in
                let debt = state.debts[peer]
                let oldestMs = debt.lowestHlc.map { max(0, state.polledUs - Int64($0)) / 1_000 }
                return AvailableReplicaStatus.Debt(
                    peer: states[peer].name, entries: debt.entries, overflowed: debt.overflowed, oldestMs: oldestMs)
            }
            return AvailableReplicaStatus(
                name: state.name, isReachable: group.available.contains(replica) && clocks[replica] != nil,
                error: state.error,
                asOfMsAgo: state.owedNs == 0 ? nil : Int64((nowNs - min(nowNs, state.owedNs)) / nsPerMs),
                incarnation: state.incarnation.map { String(decoding: $0, as: UTF8.self) },
                stalenessMs: state.staleness.ms(atNs: nowNs), heardMsAgo: heard, owes: owes,
                isSuspected: state.watch.isSuspected, refusal: state.refusal, isComparing: isIncomplete(replica),
                comparedMsAgo: state.walkedAgoUs.map { $0 / 1_000 })
        }
    }

    /// Keys with more than one value, as the first replica that answers knows them, in order of their bytes. A page is
    /// bound to no replica: the next one goes on behind the same key at any of them.
    ///
    /// The scripts keep the set in the same step as the record, so that a page costs as much as it lists, however many
    /// records there are.
    /// - Parameters:
    ///   - cursor: ``ConflictPage/next`` of the page before, nil for the first.
    ///   - limit: 1 to 1000 keys.
    ///   - deadlineNs: on the scheduler's clock.
    /// - Throws: ``AvailableFailure`` with `no_replica`, `timeout`, `overloaded` or `bad_reply`.
    public func conflicts(
        after cursor: Bytes?, limit: Int, deadlineNs: UInt64
    ) async throws(AvailableFailure) -> ConflictPage {
        let limit = min(max(1, limit), 1_000)
        let from = cursor.map { [UInt8(ascii: "(")] + RedisKeys.record($0) } ?? Bytes("-".utf8)
        let words = [
            Bytes("ZRANGEBYLEX".utf8), RedisKeys.conflicts, from, Bytes("+".utf8), Bytes("LIMIT".utf8), Words.zero,
            Bytes(decimal: UInt64(limit)),
        ]
        let command = Command(.plain(words), checksIdentity: true)
        return try await tryingAgain(until: deadlineNs) { () async throws(ReadFailure) -> ConflictPage in
            let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
            defer { call.close() }
            return try await first(call, command) { reply, replica in
                content(of: reply, from: replica).flatMap { page(of: $0.reply, limit: limit) }
            }
        }
    }

    private func page(of reply: Reply, limit: Int) -> Result<ConflictPage, ReadFailure> {
        if case .error(let text) = reply { return .failure(bad(text)) }
        guard let names = reply.array else { return .failure(bad("not a list of keys")) }
        let keys = names.compactMap { $0.bytes.flatMap(RedisKeys.key(ofRecord:)) }
        return .success(ConflictPage(keys: keys, next: names.count == limit ? keys.last : nil))
    }
}
