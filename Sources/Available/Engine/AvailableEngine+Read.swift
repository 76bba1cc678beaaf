import EventLoop
import Replication

/// Reads: one replica, a second one where the first is slow (DESIGN A7).
extension AvailableEngine {
    /// - Throws: ``AvailableFailure`` with `no_replica`, `too_stale`, `timeout`, `overloaded` or `bad_reply`; with a session
    ///   `bad_token` and `session_unmet` too.
    public func read(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        guard request.session == SessionRequest() else { return try await readInSession(request) }
        return try await readAny(request)
    }

    /// Whatever the first replica that answers holds.
    func readAny(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        let command = Command(.plain([Words.hgetall, RedisKeys.record(request.key)]), checksIdentity: true)
        return try await tryingAgain(until: request.deadlineNs) { () async throws(ReadFailure) -> ReadResult in
            let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: request.deadlineNs)
            defer { call.close() }
            return try await first(call, command, maxStalenessMs: request.maxStalenessMs) {
                judge($0, from: $1, request)
            }
        }
    }

    /// The first good answer: the best replica is asked, and where it is slow or of no use the next ones in turn.
    func first<Answer>(
        _ call: QuorumCall, _ command: Command, maxStalenessMs: Int64? = nil,
        judge: (_ reply: Reply?, _ replica: Int) -> Result<Answer, ReadFailure>
    ) async throws(ReadFailure) -> Answer {
        var judged: ReplicaSet = []
        var worst = ReadFailure(failure: AvailableFailure(.noReplica, "No replica can be reached."))
        var hedgeNs = try ask(maxStalenessMs, command, call, worst)
        // Of a replica that lacks something, or may; and until when a better one is waited for.
        var incomplete: Answer?
        var incompleteNs = UInt64.max
        while true {
            let known = judged.count
            let limitNs = min(hedgeNs, incompleteNs)
            if known == 0 {
                await call.wait(limitNs: limitNs) { !$0.answered.isEmpty }
            } else {
                await call.wait(limitNs: limitNs) { $0.answered.count > known }
            }
            for replica in call.answered.subtracting(judged) {
                judged.insert(replica)
                switch judge(call.replies[replica], replica) {
                case .success(let answer):
                    guard stalenessMs(replica: replica) == nil, mayHearOfComplete(call, judged) else { return answer }
                    // It says "no such key" of what it has not got back yet: a better one is given a moment more.
                    incomplete = incomplete ?? answer
                    incompleteNs = min(incompleteNs, scheduler.nowNs + settings.maxHedgeMs * nsPerMs)
                case .failure(let failure): worst = failure
                }
            }
            if let incomplete, scheduler.nowNs >= incompleteNs || call.isExpired || !mayHearOfComplete(call, judged) {
                return incomplete
            }
            if call.isExpired {
                throw ReadFailure(failure: AvailableFailure(.timeout, "No replica answered in time."))
            }
            if call.outstanding.isEmpty {
                hedgeNs = try ask(maxStalenessMs, command, call, worst)
            } else if scheduler.nowNs >= hedgeNs {
                // Slow: the next one is asked too, and the first answer counts. All of them in turn, for the first two may
                // stand on the far side of the same cut.
                hedgeNs = (try? ask(maxStalenessMs, command, call, worst)) ?? .max
            }
        }
    }

    /// A replica whose staleness is known has been asked, and not been heard yet.
    private func mayHearOfComplete(_ call: QuorumCall, _ judged: ReplicaSet) -> Bool {
        call.outstanding.union(call.answered.subtracting(judged)).contains { stalenessMs(replica: $0) != nil }
    }

    /// Hands the command to the best replica that has not been asked yet. Returns when a second one should be asked too (Dean
    /// and Barroso, *The Tail at Scale*, 2013).
    private func ask(
        _ maxStalenessMs: Int64?, _ command: Command, _ call: QuorumCall, _ worst: ReadFailure
    ) throws(ReadFailure) -> UInt64 {
        var skipped = call.sent.union(call.overloaded)
        var stalest: Int64?
        while let replica = nearest(excluding: skipped) {
            skipped.insert(replica)
            if let maxStalenessMs {
                let staleness = stalenessMs(replica: replica)
                guard let staleness, staleness <= maxStalenessMs else {
                    stalest = [stalest, staleness].compactMap { $0 }.min()
                    continue
                }
            }
            call.send(command, to: [replica])
            guard call.sent.contains(replica) else { continue }
            let usualMs = group.latencyNs(replica) / nsPerMs
            return scheduler.nowNs
                + min(max(usualMs * 3, settings.minHedgeMs), settings.maxHedgeMs) * nsPerMs
        }
        guard call.sent.isEmpty else {
            guard call.answered.isEmpty else { throw worst }
            guard call.refused.isEmpty else { throw Self.overfull }
            // All that were asked have gone; soon others are nearest, or these are back.
            throw ReadFailure(
                failure: AvailableFailure(.noReplica, "The connection was lost before the answer."), isTransient: true)
        }
        if !call.overloaded.isEmpty {
            throw ReadFailure(
                failure: AvailableFailure(.overloaded, "Too many commands are waiting for every replica."))
        }
        if maxStalenessMs != nil, !skipped.isEmpty {
            throw ReadFailure(failure: tooStale(stalest))
        }
        throw ReadFailure(
            failure: worst.failure, isTransient: states.contains { $0.isReadmitting })
    }

    /// Not transient: to try again at once would read them all again.
    static var overfull: ReadFailure {
        ReadFailure(failure: AvailableFailure(.overloaded, "Too many long values are being read."))
    }

    func tooStale(_ stalenessMs: Int64?) -> AvailableFailure {
        var failure = AvailableFailure(.tooStale, "No reachable replica is known to be that fresh.")
        failure.stalenessMs = stalenessMs
        return failure
    }

    /// What a replica said to a guarded read, and its clock; a failure where it is not the one that was asked.
    func content(
        of reply: Reply?, from replica: Int
    ) -> Result<(reply: Reply, clock: ReplicaClock), ReadFailure> {
        guard let clock = clocks[replica], case .array(let pair)? = reply, pair.count == 2,
            case .bulk(let incarnation) = pair[1], incarnation == clock.incarnation
        else {
            if case .error(let text)? = reply { return .failure(bad(text)) }
            // Wiped or replaced while the connection stayed: what it said is not believed.
            readmit(replica)
            return .failure(
                ReadFailure(failure: AvailableFailure(.noReplica, "The replica has been replaced."), isTransient: true))
        }
        return .success((pair[0], clock))
    }

    func judge(
        _ reply: Reply?, from replica: Int, _ request: ReadRequest
    ) -> Result<ReadResult, ReadFailure> {
        let stored: Reply
        let clock: ReplicaClock
        switch content(of: reply, from: replica) {
        case .success(let content): (stored, clock) = content
        case .failure(let failure): return .failure(failure)
        }
        if case .error(let text) = stored {
            if text.hasPrefix("WRONGTYPE") {
                observer?.badRecord(replica: replica, redisKey: RedisKeys.record(request.key))
            }
            return .failure(bad(text))
        }
        let nowNs = scheduler.nowNs
        guard let record = StoredRecord(stored, nowMs: clock.earliestUs(atNs: nowNs) / 1_000) else {
            observer?.badRecord(replica: replica, redisKey: RedisKeys.record(request.key))
            return .failure(bad("not a record"))
        }
        let staleness = states[replica].staleness.ms(atNs: nowNs)
        if let limit = request.maxStalenessMs, staleness.map({ $0 > limit }) ?? true {
            return .failure(ReadFailure(failure: tooStale(staleness)))
        }
        return .success(result(of: record.view, record.vector, request, staleness, states[replica].name))
    }

    /// - Parameter vector: what the view shows, as text; `version` covers just that.
    func result(
        of view: Record.View, _ vector: Bytes, _ request: ReadRequest, _ stalenessMs: Int64?, _ replica: String?
    ) -> ReadResult {
        let signed = contexts.signed(vector: vector, key: request.key)
        var result = ReadResult(
            value: view.value, version: signed.text, stalenessMs: stalenessMs,
            isStale: stalenessMs.map { $0 > settings.maxStalenessMs } ?? true)
        result.session.token = signed.session
        result.expiresMs = view.expiresMs
        result.replica = replica
        if !view.conflicts.isEmpty {
            result.conflicts = view.conflicts
            observer?.conflictSeen(values: view.conflicts.count)
        }
        return result
    }

    func bad(_ text: String) -> ReadFailure {
        ReadFailure(failure: AvailableFailure(.badReply, "A replica answered with an error: \(text)"))
    }
}
