import EventLoop
import Replication

/// Reads: one replica, and a second one if the first is slow (rule A7; Dean and Barroso, *The Tail at Scale*, 2013).
final class Reader {
    private let environment: Environment
    private let selector: ReplicaSelector
    private let replicas: any ReplicaKnowledge
    private let identity: any ReplicaIdentity
    private let retry: RetryPolicy
    private let replies: RecordReplies
    private let hedgeDelay: HedgeDelay

    init(
        _ environment: Environment, selector: ReplicaSelector, replicas: any ReplicaKnowledge,
        identity: any ReplicaIdentity, retry: RetryPolicy, replies: RecordReplies
    ) {
        self.environment = environment
        self.selector = selector
        self.replicas = replicas
        self.identity = identity
        self.retry = retry
        self.replies = replies
        hedgeDelay = HedgeDelay(
            minNs: environment.settings.minHedgeMs * nsPerMs, maxNs: environment.settings.maxHedgeMs * nsPerMs)
    }

    /// What the first replica that answers stores.
    func read(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        try await first(
            RecordReplies.command(request.key), untilNs: request.deadlineNs, maxStalenessMs: request.maxStalenessMs
        ) { replies.result(of: $0, from: $1, request) }
    }

    /// The first good answer of any replica, tried again while the reasons for a failure may pass.
    ///
    /// - Parameters:
    ///   - maxStalenessMs: replicas that may be staler are not asked; nil for any.
    ///   - interpret: a replica's reply.
    func first<Answer>(
        _ command: Command, untilNs deadlineNs: UInt64, maxStalenessMs: Int64? = nil,
        interpret: (_ reply: Reply?, _ replica: Int) -> Result<Answer, AttemptFailure>
    ) async throws(AvailableFailure) -> Answer {
        try await retry.retrying(untilNs: deadlineNs) { () async throws(AttemptFailure) -> Answer in
            let hedged = HedgedCall(
                command, group: environment.group, scheduler: environment.scheduler, deadlineNs: deadlineNs)
            defer { hedged.call.close() }
            return try await attempt(hedged, maxStalenessMs, interpret)
        }
    }

    private func attempt<Answer>(
        _ hedged: HedgedCall, _ maxStalenessMs: Int64?,
        _ interpret: (_ reply: Reply?, _ replica: Int) -> Result<Answer, AttemptFailure>
    ) async throws(AttemptFailure) -> Answer {
        var candidates = FreshReplicas(maxStalenessMs: maxStalenessMs)
        var answer: Answer?
        var failure: AttemptFailure?
        // The answer of a replica that may lack something, and until when a better one is awaited.
        var incomplete: (answer: Answer, untilNs: UInt64)?
        var judged: ReplicaSet = []
        let outcome: HedgedCall.Outcome<Void> = await hedged.run { excluded in
            guard let replica = candidates.next(excluded, selector, replicas) else { return .wait }
            return .ask([replica], delayNs: hedgeDelay.ns(latencyNs: environment.group.latencyNs(replica)))
        } judge: { newReplies in
            for replica in newReplies {
                judged.insert(replica)
                switch interpret(hedged.call.reply(from: replica), replica) {
                case .success(let found):
                    guard replicas.stalenessMs(of: replica) == nil, mayGetComplete(hedged.call, judged) else {
                        answer = found
                        return .answer(())
                    }
                    // This replica may lack records, so its "absent" may be wrong. A complete replica gets a moment more.
                    incomplete = incomplete ?? (found, environment.nowNs + hedgeDelay.maxNs)
                case .failure(let problem): failure = problem
                }
            }
            guard let incomplete else { return .wait() }
            let isOver = environment.nowNs >= incomplete.untilNs || hedged.call.isExpired
            guard isOver || !mayGetComplete(hedged.call, judged) else { return .wait(untilNs: incomplete.untilNs) }
            answer = incomplete.answer
            return .answer(())
        }
        if let answer { return answer }
        if case .expired = outcome { throw .timeout }
        throw exhausted(hedged.call, candidates, failure)
    }

    /// A replica whose staleness is known has been asked, and its reply was not judged yet.
    private func mayGetComplete(_ call: QuorumCall, _ judged: ReplicaSet) -> Bool {
        call.outstanding.union(call.answered.subtracting(judged)).contains {
            replicas.stalenessMs(of: $0) != nil
        }
    }

    /// No replica is left to ask.
    private func exhausted(
        _ call: QuorumCall, _ candidates: FreshReplicas, _ failure: AttemptFailure?
    ) -> AttemptFailure {
        if let failure { return failure }
        if !call.refused.isEmpty { return .tooManyLongReplies }
        // All that were asked have gone; soon others are nearest, or these are back.
        if !call.sent.isEmpty {
            return .noReplica("The connection was lost before the answer.", isTransient: true)
        }
        if !call.overloaded.isEmpty { return .overloaded }
        if candidates.hasSkipped { return .tooStale(candidates.leastStaleMs) }
        return .noReplica("No replica can be reached.", isTransient: identity.isReadmitting)
    }
}

/// The replicas to ask, nearest first, without those that may be too stale.
private struct FreshReplicas {
    let maxStalenessMs: Int64?
    private var skipped: ReplicaSet = []
    private(set) var leastStaleMs: Int64?

    init(maxStalenessMs: Int64?) { self.maxStalenessMs = maxStalenessMs }

    var hasSkipped: Bool { !skipped.isEmpty }

    mutating func next(
        _ excluded: ReplicaSet, _ selector: ReplicaSelector, _ replicas: any ReplicaKnowledge
    ) -> Int? {
        skipped = []
        leastStaleMs = nil
        while let replica = selector.nearest(excluding: excluded.union(skipped)) {
            guard let maxStalenessMs else { return replica }
            let stalenessMs = replicas.stalenessMs(of: replica)
            if let stalenessMs, stalenessMs <= maxStalenessMs { return replica }
            skipped.insert(replica)
            leastStaleMs = [leastStaleMs, stalenessMs].compactMap { $0 }.min()
        }
        return nil
    }
}
