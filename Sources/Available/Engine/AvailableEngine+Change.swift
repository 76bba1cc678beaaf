import EventLoop
import Replication

/// Writes and deletes (DESIGN A3 to A6).
extension AvailableEngine {
    /// - Throws: ``AvailableFailure``: `bad_context`, `bad_token`, `session_unmet`, `too_many_siblings`, `no_replica`,
    ///   `overloaded` (not applied); `insufficient_acks` (applied); `timeout`, `replica_full` and `bad_reply` with what is
    ///   known of the outcome.
    public func change(_ request: ChangeRequest) async throws(AvailableFailure) -> ChangeResult {
        guard request.session == SessionRequest() else { return try await changeInSession(request) }
        return try await changeAny(request)
    }

    /// - Parameter seen: what the client has seen of the key. Where there is nothing to delete at a replica that lacks some
    ///   of it, the others are asked too; the result's `version` then covers what all of them have.
    func changeAny(
        _ request: ChangeRequest, seen: VersionVector = VersionVector()
    ) async throws(AvailableFailure) -> ChangeResult {
        let write = try Write(request, context: context(of: request), randomBits: scheduler.randomBits())
        var attempts = Attempts()
        attempts.seen = seen
        while true {
            guard let coordinator = nearest(excluding: attempts.excluded) else {
                // Unless one that has not answered may have deleted it.
                if let absent = attempts.absent, !attempts.isUnanswered {
                    return result(write, absent.text, existed: false)
                }
                guard await mayTryAgain(&attempts, request) else { throw attempts.failure }
                continue
            }
            let nowNs = scheduler.nowNs
            let leftMs = request.deadlineNs > nowNs ? (request.deadlineNs - nowNs) / nsPerMs : 0
            guard leftMs > 2 * Fence.marginMs, attempts.count < Self.maxAttempts else { throw attempts.failure }
            attempts.count += 1
            let budgetMs = min(
                Fence.budgetMs(latencyNs: group.latencyNs(coordinator), settings: settings), leftMs - Fence.marginMs)
            if let result = try await attempt(write, at: coordinator, budgetMs: budgetMs, &attempts) { return result }
        }
    }

    /// Replicas that are asked to coordinate one change, in all rounds together.
    private static var maxAttempts: Int { 12 }

    /// One client's change, the same in every attempt.
    struct Write {
        let request: ChangeRequest
        let recordKey: Bytes
        /// Names the change, so that a second attempt at a replica that already has it changes nothing.
        let packed: Bytes
        /// In milliseconds, as a word; 0 for ever.
        let ttl: Bytes
        /// The vector that the client has seen; nil for a change that covers what the coordinator holds.
        let context: Bytes?

        /// Longer than anyone waits, and far below what a clock can count.
        private static let maxTtlMs: Int64 = 100 * 365 * 86_400_000

        init(_ request: ChangeRequest, context: Bytes?, randomBits: UInt64) {
            self.request = request
            self.context = context
            recordKey = RedisKeys.record(request.key)
            let writeId = Bytes(hexadecimal: randomBits)
            switch request.kind {
            case .write(let value):
                packed = Sibling(isTombstone: false, writeId: writeId, expiresMs: nil, value: value).packed
                ttl = request.ttlMs.map { Bytes(decimal: UInt64(min(max(0, $0), Self.maxTtlMs))) } ?? Words.zero
            case .delete:
                packed = Sibling(isTombstone: true, writeId: writeId, expiresMs: nil, value: []).packed
                ttl = Words.zero
            }
        }
    }

    /// What the attempts so far came to.
    struct Attempts {
        var count = 0
        var rounds = 0
        /// Not to be tried in this round.
        var excluded: ReplicaSet = []
        /// Some replica may have run the change, although it did not say so.
        var isUnanswered = false
        var isTransient = false
        /// What the client has seen; what the replicas have seen that hold nothing, and lack some of it.
        var seen = VersionVector()
        var absent: VersionVector?
        var reason = AvailableFailure(.noReplica, "No replica can be reached.", outcome: .notApplied)

        var failure: AvailableFailure {
            guard isUnanswered else { return reason }
            return AvailableFailure(.timeout, "No replica answered in time.", outcome: .unknown)
        }

        /// What is known to be absent, as a version; nil where the client has seen more than that. What is dead in each of
        /// several records is dead in all of them together.
        mutating func absent(_ text: Bytes) -> Bytes? {
            guard !seen.entries.isEmpty else { return text }
            guard let vector = VersionVector(text: text) else { return nil }
            let joined = absent?.joined(vector) ?? vector
            absent = joined
            return joined.covers(seen) ? joined.text : nil
        }

        mutating func refused(_ code: StoreFailure.Code, _ detail: String) {
            reason = AvailableFailure(code, detail, outcome: .notApplied)
        }
    }

    private func context(of request: ChangeRequest) throws(AvailableFailure) -> Bytes? {
        guard let text = request.context else { return nil }
        guard let vector = contexts.vector(of: text, key: request.key) else {
            throw AvailableFailure(
                .badContext, "The context was not given out for this key by this group.", outcome: .notApplied)
        }
        return vector
    }

    /// After every reachable replica was tried: another round where the reasons may pass.
    private func mayTryAgain(_ attempts: inout Attempts, _ request: ChangeRequest) async -> Bool {
        let isWaiting = attempts.isTransient || attempts.isUnanswered || states.contains { $0.isReadmitting }
        attempts.rounds += 1
        guard await mayGoOn(round: attempts.rounds, isTransient: isWaiting, request.deadlineNs) else { return false }
        attempts.excluded = []
        attempts.isTransient = false
        return true
    }

    /// One attempt at one coordinator. Nil where another should be tried: the change was refused, or its fence has passed.
    private func attempt(
        _ write: Write, at coordinator: Int, budgetMs: UInt64, _ attempts: inout Attempts
    ) async throws(AvailableFailure) -> ChangeResult? {
        // Everything below uses what was known of the clocks before the change was sent.
        let clocks = clocks
        let startNs = scheduler.nowNs
        guard let clock = clocks[coordinator] else { return nil }
        let fenceEndNs = startNs + (budgetMs + Fence.marginMs) * nsPerMs
        let words = putWords(coordinator, clock)
        let command = words.command(
            recordKey: write.recordKey, packed: write.packed, ttl: write.ttl, context: write.context,
            isAgain: attempts.isUnanswered, notAfter: clock.notAfter(startNs: startNs, budgetMs: budgetMs))
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: fenceEndNs)
        call.send(command, to: [coordinator])
        guard call.sent.contains(coordinator) else {
            attempts.excluded.insert(coordinator)
            if call.overloaded.contains(coordinator) {
                attempts.refused(.overloaded, "Too many commands are waiting for the replicas.")
            }
            return nil
        }
        await call.waitForAll()
        guard let reply = call.reply(from: coordinator) else {
            attempts.isUnanswered = true
            attempts.excluded.insert(coordinator)
            // It may still be in the replica's socket: nobody else may be asked before its fence has passed.
            let nowNs = scheduler.nowNs
            if nowNs < fenceEndNs { await scheduler.sleep(forNs: fenceEndNs - nowNs) }
            return nil
        }
        switch PutReply(reply, packed: write.packed, actor: words.actor) {
        case .applied(let applied):
            self.clocks.read(
                coordinator, steps: clock.steps, timeUs: applied.nowUs, receivedNs: scheduler.nowNs)
            // A delete with a context is in, also where this replica holds nothing: elsewhere it takes away what its client
            // saw. So is one that another replica may have run too.
            let existed = applied.existed || write.context != nil || attempts.isUnanswered
            return try await acknowledge(write, applied, existed: existed, coordinator, clocks, startNs)
        case .absent(let vector):
            guard let vector = attempts.absent(vector) else {
                attempts.excluded.insert(coordinator)
                return nil
            }
            return result(write, vector, existed: false)
        case .tooManySiblings(let count):
            throw AvailableFailure(
                .tooManySiblings,
                "The context is too old: \(count) values that it does not cover would stay. Read again and resolve them.",
                outcome: attempts.isUnanswered ? .unknown : .notApplied)
        case .refused(let refusal):
            note(refusal, at: coordinator, write, &attempts)
            return nil
        }
    }

    private func result(_ write: Write, _ vector: Bytes, existed: Bool) -> ChangeResult {
        let signed = contexts.signed(vector: vector, key: write.request.key)
        var result = ChangeResult(version: signed.text, replicasAcked: 1, existed: existed)
        result.session.token = signed.session
        return result
    }

    private func note(_ refusal: ScriptReply, at coordinator: Int, _ write: Write, _ attempts: inout Attempts) {
        noteRefusal(refusal, from: coordinator)
        switch refusal {
        case .late:
            // Its clock is known again: the same replica may be tried with a new fence. It did nothing.
            attempts.refused(.timeout, "The replica was too slow.")
            attempts.isTransient = true
            if attempts.count.isMultiple(of: 3) { attempts.excluded.insert(coordinator) }
        case .notMember:
            attempts.refused(.noReplica, "The replica has been replaced.")
            attempts.isTransient = true
            attempts.excluded.insert(coordinator)
        case .error(let text):
            attempts.refused(StoreFailure.Code(ofServerError: text), "A replica answered with an error: \(text)")
            attempts.excluded.insert(coordinator)
            if refusal.isNoScript { attempts.isTransient = true }
            if text.hasPrefix("WRONGTYPE") { observer?.badRecord(replica: coordinator, redisKey: write.recordKey) }
        case .answer:
            attempts.refused(.badReply, "A replica answered with something unexpected.")
            attempts.excluded.insert(coordinator)
        }
    }

    /// The coordinator has it: sends it to the others, and waits for as many as `AP_WRITE_ACKS` asks for.
    private func acknowledge(
        _ write: Write, _ applied: PutReply.Applied, existed: Bool, _ coordinator: Int, _ clocks: ClockTable,
        _ startNs: UInt64
    ) async throws(AvailableFailure) -> ChangeResult {
        var result = result(write, applied.vector, existed: existed)
        result.replica = states[coordinator].name
        // The version stands for all that the record holds, so whatever is in it must be in the answer too: a client that
        // writes with this version says that it has seen it.
        result.conflicts = applied.conflicts
        if !applied.overwritten.isEmpty {
            result.overwritten = applied.overwritten
            observer?.valuesOverwritten(result.overwritten.count)
        }
        let record = CarriedRecord(
            key: write.recordKey, vector: applied.vector, before: applied.before, siblings: applied.siblings)
        guard settings.writeAcks > 1 else {
            deliver(record, hlc: applied.hlc, from: coordinator, clocks: clocks, startNs: startNs)
            return result
        }
        result.replicasAcked = await deliverAndWait(write, record, applied.hlc, coordinator, clocks, startNs)
        guard result.replicasAcked >= settings.writeAcks else {
            var failure = AvailableFailure(
                .insufficientAcks,
                "\(result.replicasAcked) of the \(settings.writeAcks) replicas asked for have it. It will reach the others.",
                outcome: .applied)
            failure.applied = result
            throw failure
        }
        return result
    }

    /// Sends `record` to the other replicas and returns how many have it once that is enough, or no more can be had.
    private func deliverAndWait(
        _ write: Write, _ record: CarriedRecord, _ hlc: UInt64, _ coordinator: Int, _ clocks: ClockTable,
        _ startNs: UInt64
    ) async -> Int {
        var words: [Bytes] = []
        record.append(to: &words)
        let command = MergeBatch.command(
            keys: [record.key], words: words, clocks: clocks, startNs: startNs, budgetMs: settings.mergeFenceMs)
        // Past its fence no replica takes it any more.
        let fenceEndNs = startNs + (settings.mergeFenceMs + Fence.marginMs) * nsPerMs
        let call = QuorumCall(
            group: group, scheduler: scheduler, deadlineNs: min(write.request.deadlineNs, fenceEndNs))
        var targets: ReplicaSet = []
        for replica in usable.subtracting([coordinator]) where clocks[replica] != nil { targets.insert(replica) }
        call.send(command, to: targets)
        let missing = settings.writeAcks - 1
        await call.wait { $0.count { Self.isJoined($0) } >= missing }
        let acked = 1 + call.count { Self.isJoined($0) }
        scheduler.spawn { [self] in
            await call.waitForAll()
            strike(record, hlc, coordinator, clocks, call)
        }
        return acked
    }

    private static func isJoined(_ reply: Reply) -> Bool {
        ScriptReply(reply).ok?.count == 2
    }

    private func strike(
        _ record: CarriedRecord, _ hlc: UInt64, _ coordinator: Int, _ clocks: ClockTable, _ call: QuorumCall
    ) {
        guard let incarnation = clocks[coordinator]?.incarnation else { return }
        var peers: ReplicaSet = []
        for replica in call.answered {
            if case .joined = mergeResult(call.replies[replica], from: replica) { peers.insert(replica) }
        }
        guard !peers.isEmpty else { return }
        strikes.add(
            owner: coordinator, incarnation: incarnation, peers: peers, key: record.key, vector: record.vector, hlc: hlc
        )
    }
}
