import EventLoop
import Replication

/// Reads in a session: the answer shows what the token says that the session has seen, or says that it may not (rule A9).
final class SessionReader {
    private let environment: Environment
    private let reader: Reader
    private let replies: RecordReplies
    private let selector: ReplicaSelector
    private let replicas: any ReplicaKnowledge
    private let identity: any ReplicaIdentity
    private let retry: RetryPolicy
    private let tokens: SessionTokens

    init(
        _ environment: Environment, reader: Reader, replies: RecordReplies, selector: ReplicaSelector,
        replicas: any ReplicaKnowledge, identity: any ReplicaIdentity, retry: RetryPolicy, tokens: SessionTokens
    ) {
        self.environment = environment
        self.reader = reader
        self.replies = replies
        self.selector = selector
        self.replicas = replicas
        self.identity = identity
        self.retry = retry
        self.tokens = tokens
    }

    func read(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        guard var token = try tokens.token(of: request.session, outcome: nil) else {
            return try await reader.read(request)
        }
        let result: ReadResult
        let isGuaranteed: Bool
        switch token.seen(of: request.key) {
        case .upTo(let vector):
            (result, isGuaranteed) = try await read(request, covering: vector)
        case .unlisted, .lost:
            // Perhaps never seen, but the token of an answer that the client lost may have listed it.
            guard !request.session.isRequired else {
                throw SessionTokens.unmet("The session's token does not list this key.")
            }
            (result, isGuaranteed) = (try await reader.read(request), false)
        }
        return answer(result, isGuaranteed, &token, request.key)
    }

    private func answer(
        _ result: ReadResult, _ isGuaranteed: Bool, _ token: inout SessionToken, _ key: Bytes
    ) -> ReadResult {
        var result = result
        if let vector = tokens.vector(of: result.version, key) { token.note(key, vector) }
        result.session.token = tokens.text(token)
        result.session.isGuaranteed = isGuaranteed
        return result
    }

    /// The nearest replica that covers `vector`; if there is none, the join of all replicas' records.
    private func read(
        _ request: ReadRequest, covering vector: Bytes
    ) async throws(AvailableFailure) -> (ReadResult, Bool) {
        guard let wanted = VersionVector(text: vector) else { throw SessionTokens.badToken(nil) }
        return try await retry.retrying(untilNs: request.deadlineNs) {
            () async throws(AttemptFailure) -> (ReadResult, Bool) in
            try await attempt(request, covering: wanted)
        }
    }

    /// Asks the nearest replica, and all others as soon as its answer does not cover `wanted` or is slow.
    private func attempt(
        _ request: ReadRequest, covering wanted: VersionVector
    ) async throws(AttemptFailure) -> (ReadResult, Bool) {
        let hedged = HedgedCall(
            RecordReplies.command(request.key), group: environment.group, scheduler: environment.scheduler,
            deadlineNs: request.deadlineNs)
        defer { hedged.call.close() }
        let settings = environment.settings
        // With `require_session`, wait for all replicas; otherwise stop after `maxHedgeMs`.
        let patienceNs = request.session.isRequired ? UInt64.max : settings.maxHedgeMs * nsPerMs
        var waves = 0
        var limitNs = UInt64.max
        var parts = SessionParts(wanted: wanted)
        var failure: AttemptFailure?
        let outcome: HedgedCall.Outcome<ReadResult> = await hedged.run { excluded in
            waves += 1
            switch waves {
            case 1:
                return .ask(
                    selector.nearest().map { [$0] } ?? [], delayNs: settings.minHedgeMs * nsPerMs)
            case 2:
                let (endNs, isForever) = environment.nowNs.addingReportingOverflow(patienceNs)
                limitNs = isForever ? .max : endNs
                return .ask(replicas.usable.subtracting(excluded), delayNs: patienceNs)
            default: return .wait
            }
        } judge: { newReplies in
            for replica in newReplies {
                switch replies.result(of: hedged.call.reply(from: replica), from: replica, request) {
                case .success(let result):
                    let seen = tokens.vector(of: result.version, request.key).flatMap { VersionVector(text: $0) }
                    if let seen, seen.covers(wanted) { return .answer(result) }
                    let record = hedged.call.reply(from: replica)?[0].flatMap(Record.init(stored:))
                    parts.add(result, record, from: replica, atNs: environment.nowNs)
                case .failure(let problem): failure = problem
                }
            }
            // As soon as the replicas that answered cover it together: the last one may be slow.
            if let joined = join(parts, request), Self.isFresh(joined, request) { return .answer(joined) }
            guard waves > 1 else { return newReplies.isEmpty ? .wait() : .askNext }
            // If no replica has answered yet, the first answer is all that there is, however late.
            guard !parts.isEmpty else { return .wait() }
            return environment.nowNs >= limitNs ? .giveUp : .wait(untilNs: limitNs)
        }
        if case .answer(let result) = outcome { return (result, true) }
        return (try uncovered(hedged.call, parts, failure, request), false)
    }

    /// The first answer that arrived, without the guarantee.
    private func uncovered(
        _ call: QuorumCall, _ parts: SessionParts, _ failure: AttemptFailure?, _ request: ReadRequest
    ) throws(AttemptFailure) -> ReadResult {
        guard let first = parts.first else {
            if !call.refused.isEmpty { throw .tooManyLongReplies }
            if call.isExpired { throw .timeout }
            if call.sent.isEmpty, !call.overloaded.isEmpty { throw .overloaded }
            throw failure ?? .noReplica("No replica can be reached.", isTransient: identity.isReadmitting)
        }
        guard !request.session.isRequired else {
            throw AttemptFailure(
                failure: SessionTokens.unmet("No reachable replica has all that the session has seen of this key."))
        }
        var result = first.result
        result.stalenessMs = first.stalenessMs(atNs: environment.nowNs)
        result.isStale = replies.isStale(result.stalenessMs)
        guard Self.isFresh(result, request) else { throw .tooStale(result.stalenessMs) }
        return result
    }

    /// While other replicas were awaited, the answer became staler.
    private static func isFresh(_ result: ReadResult, _ request: ReadRequest) -> Bool {
        guard let limitMs = request.maxStalenessMs else { return true }
        return result.stalenessMs.map { $0 <= limitMs } ?? false
    }

    /// All records found as one; nil if their join does not cover what is wanted.
    private func join(_ parts: SessionParts, _ request: ReadRequest) -> ReadResult? {
        let nowNs = environment.nowNs
        guard let joined = parts.joined(atNs: nowNs) else { return nil }
        let nowUs = joined.replicas.compactMap { replicas.clocks[$0]?.earliestUs(atNs: nowNs) }.max() ?? 0
        return replies.result(
            joined.record.view(atMs: nowUs / 1_000), joined.record.vector.text, request,
            stalenessMs: joined.stalenessMs, replica: nil)
    }
}
