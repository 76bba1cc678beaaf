import EventLoop
import Replication

/// Sessions (DESIGN A9): a read shows what the session's token says that it has seen, or says that it may not.
extension AvailableEngine {
    // MARK: Reads

    func readInSession(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        guard var token = try token(of: request.session, outcome: nil) else { return try await readAny(request) }
        let result: ReadResult
        let isGuaranteed: Bool
        switch token.seen(of: request.key) {
        case .upTo(let vector):
            (result, isGuaranteed) = try await read(request, covering: vector)
        case .unlisted, .lost:
            // Perhaps it was never seen, but the token of an answer that the client did not keep may have listed it.
            guard !request.session.isRequired else { throw Self.unmet("The session's token does not list this key.") }
            (result, isGuaranteed) = (try await readAny(request), false)
        }
        return answered(result, isGuaranteed, &token, request.key)
    }

    private func answered(
        _ result: ReadResult, _ isGuaranteed: Bool, _ token: inout SessionToken, _ key: Bytes
    ) -> ReadResult {
        var result = result
        if let vector = vector(of: result.version, key) { token.note(key, vector) }
        result.session.token = sessions.text(token)
        result.session.isGuaranteed = isGuaranteed
        return result
    }

    /// The nearest replica that has seen `vector`; where none has, what all of them know together.
    private func read(
        _ request: ReadRequest, covering vector: Bytes
    ) async throws(AvailableFailure) -> (ReadResult, Bool) {
        guard let wanted = VersionVector(text: vector) else { throw Self.badToken(nil) }
        return try await tryingAgain(until: request.deadlineNs) { () async throws(ReadFailure) -> (ReadResult, Bool) in
            try await read(request, covering: wanted)
        }
    }

    private func read(
        _ request: ReadRequest, covering wanted: VersionVector
    ) async throws(ReadFailure) -> (ReadResult, Bool) {
        let command = Command(.plain([Words.hgetall, RedisKeys.record(request.key)]), checksIdentity: true)
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: request.deadlineNs)
        defer { call.close() }
        var found = Found(wanted)
        var failure = ReadFailure(
            failure: AvailableFailure(.noReplica, "No replica can be reached."),
            isTransient: states.contains { $0.isReadmitting })
        if let first = nearest() { call.send(command, to: [first]) }
        var limitNs = scheduler.nowNs + settings.minHedgeMs * nsPerMs
        var isAskingAll = false
        while true {
            let known = call.answered.count
            // However late: where nobody has answered yet, the first answer is all that there is.
            await call.wait(limitNs: isAskingAll && found.isEmpty ? .max : limitNs) { $0.answered.count > known }
            for replica in call.answered.subtracting(found.judged) {
                found.judged.insert(replica)
                switch judge(call.replies[replica], from: replica, request) {
                case .success(let result):
                    let seen = self.vector(of: result.version, request.key).flatMap { VersionVector(text: $0) }
                    if let seen, seen.covers(wanted) { return (result, true) }
                    let record = call.replies[replica]?[0].flatMap(Record.init(stored:))
                    found.add(result, record, from: replica, atNs: scheduler.nowNs)
                case .failure(let problem): failure = problem
                }
            }
            // As soon as those that answered cover it together: the last one may be long in coming.
            if let joined = join(found, request), isFresh(joined, request) { return (joined, true) }
            if call.isExpired { break }
            if isAskingAll {
                if call.outstanding.isEmpty || (!found.isEmpty && scheduler.nowNs >= limitNs) { break }
            } else {
                isAskingAll = true
                call.send(command, to: usable.subtracting(call.sent))
                // Who insists waits for the slowest; who does not has an answer after a hedge's delay.
                limitNs = request.session.isRequired ? .max : scheduler.nowNs + settings.maxHedgeMs * nsPerMs
            }
        }
        guard let first = found.first else {
            if !call.refused.isEmpty {
                failure = Self.overfull
            } else if call.isExpired {
                failure.failure = AvailableFailure(.timeout, "No replica answered in time.")
            } else if call.sent.isEmpty, !call.overloaded.isEmpty {
                failure.failure = AvailableFailure(.overloaded, "Too many commands are waiting for every replica.")
            }
            throw failure
        }
        guard !request.session.isRequired else {
            throw ReadFailure(
                failure: Self.unmet("No reachable replica has all that the session has seen of this key."))
        }
        var result = first.result
        result.stalenessMs = first.stalenessMs(atNs: scheduler.nowNs)
        result.isStale = result.stalenessMs.map { $0 > settings.maxStalenessMs } ?? true
        guard isFresh(result, request) else { throw ReadFailure(failure: tooStale(result.stalenessMs)) }
        return (result, false)
    }

    /// While others were waited for, it grew older.
    private func isFresh(_ result: ReadResult, _ request: ReadRequest) -> Bool {
        guard let limit = request.maxStalenessMs else { return true }
        return result.stalenessMs.map { $0 <= limit } ?? false
    }

    /// Records that do not cover what is wanted.
    private struct Found {
        /// What one replica answered, and when: while others are waited for, it grows older.
        struct Part {
            let result: ReadResult
            let record: Record?
            let replica: Int
            let atNs: UInt64

            func stalenessMs(atNs nowNs: UInt64) -> Int64? {
                result.stalenessMs.map { $0 + Int64((nowNs - atNs + nsPerMs - 1) / nsPerMs) }
            }
        }

        let wanted: VersionVector
        var judged: ReplicaSet = []
        private(set) var parts: [Part] = []

        init(_ wanted: VersionVector) { self.wanted = wanted }

        var first: Part? { parts.first }
        var isEmpty: Bool { parts.isEmpty }

        mutating func add(_ result: ReadResult, _ record: Record?, from replica: Int, atNs: UInt64) {
            parts.append(Part(result: result, record: record, replica: replica, atNs: atNs))
        }
    }

    /// All records found as one, where that has seen what is wanted.
    private func join(_ found: Found, _ request: ReadRequest) -> ReadResult? {
        let parts = found.parts.filter { $0.record != nil }
        guard parts.count > 1 else { return nil }
        let record = parts.compactMap(\.record).reduce(Record()) { $0.joined($1) }
        guard record.vector.covers(found.wanted) else { return nil }
        let nowNs = scheduler.nowNs
        let nowUs = parts.compactMap { clocks[$0.replica]?.earliestUs(atNs: nowNs) }.max() ?? 0
        // It holds all that the freshest of them did.
        let stalenessMs = parts.compactMap { $0.stalenessMs(atNs: nowNs) }.min()
        return result(of: record.view(atMs: nowUs / 1_000), record.vector.text, request, stalenessMs, nil)
    }

    // MARK: Changes

    func changeInSession(_ request: ChangeRequest) async throws(AvailableFailure) -> ChangeResult {
        guard var token = try token(of: request.session, outcome: .notApplied) else {
            return try await changeAny(request)
        }
        let canNote = token.canNote(request.key)
        guard canNote || !request.session.isRequired else {
            throw Self.unmet("The session's token has no room for this key.", outcome: .notApplied)
        }
        let seen = seenVector(of: request.key, token)
        var result: ChangeResult
        do {
            result = try await changeAny(request, seen: seen)
        } catch {
            guard let applied = error.applied else { throw error }
            // It is in, though too few acknowledged it: the session has written it.
            var failure = error
            failure.applied?.session = noted(applied.version, &token, request.key)
            throw failure
        }
        // Where there was nothing to delete, a delete says of the key what a read does.
        let isMet = result.existed || request.kind != .delete || covers(result.version, request.key, seen)
        guard isMet || !request.session.isRequired else {
            throw Self.unmet(
                "No reachable replica finds anything to delete, and they lack some of what the session has seen.",
                outcome: .notApplied)
        }
        result.session = noted(result.version, &token, request.key)
        if !isMet { result.session.isGuaranteed = false }
        return result
    }

    /// What the session has seen of `key`; nothing where that is not listed.
    private func seenVector(of key: Bytes, _ token: SessionToken) -> VersionVector {
        guard case .upTo(let text) = token.seen(of: key) else { return VersionVector() }
        return VersionVector(text: text) ?? VersionVector()
    }

    private func covers(_ version: String, _ key: Bytes, _ seen: VersionVector) -> Bool {
        vector(of: version, key).flatMap { VersionVector(text: $0) }?.covers(seen) ?? false
    }

    /// The session has made a change that gave `version`.
    private func noted(_ version: String, _ token: inout SessionToken, _ key: Bytes) -> SessionAnswer {
        if let vector = vector(of: version, key) { token.note(key, vector) }
        var answer = SessionAnswer()
        answer.token = sessions.text(token)
        answer.isGuaranteed = token.canNote(key)
        return answer
    }

    // MARK: Tokens

    /// Nil where the request belongs to no session.
    private func token(of session: SessionRequest, outcome: Outcome?) throws(AvailableFailure) -> SessionToken? {
        guard let text = session.token else {
            guard !session.isRequired else {
                throw Self.unmet("A session is required, and the request carries no token.", outcome: outcome)
            }
            return nil
        }
        guard let token = sessions.token(text) else { throw Self.badToken(outcome) }
        return token
    }

    private static func badToken(_ outcome: Outcome?) -> AvailableFailure {
        AvailableFailure(.badToken, "The session token was not given out by this group.", outcome: outcome)
    }

    private static func unmet(_ detail: String, outcome: Outcome? = nil) -> AvailableFailure {
        AvailableFailure(.sessionUnmet, detail, outcome: outcome)
    }

    private func vector(of version: String, _ key: Bytes) -> Bytes? {
        contexts.vector(of: version, key: key)
    }
}
