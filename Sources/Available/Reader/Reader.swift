import EventLoop
import Replication

/// Reads: asks the best replica, and others if it is slow or its answer does not suffice (rules A7 and A9). See Dean
/// and Barroso, *The Tail at Scale*, 2013.
struct Reader {
    let environment: Environment
    let selector: ReplicaSelector
    let admission: ReplicaAdmission
    let retry: RetryPolicy
    let replies: RecordReplies

    private var replicas: ReplicaTable { environment.replicas }

    /// The command of a read, and which replicas may answer it.
    struct Query {
        let command: Command
        let deadlineNs: UInt64
        /// Replicas whose staleness is above this or unknown are not asked; nil to ask any.
        var maxStalenessMs: Int64?
        /// True: if the first replica's answer is late or does not suffice, ask all others at once and wait for all of
        /// them. False: ask one at a time, and wait only for replicas of known staleness.
        var asksAll = false
        /// True: wait until the deadline for an answer that suffices. False: wait only a moment.
        var isRequired = false
    }

    /// Whether the reply of one replica suffices.
    enum Judgement<Answer> {
        case sufficient(Answer)
        /// Used if no sufficient answer arrives soon.
        case insufficient(Answer)
        case failed(AttemptFailure)
    }

    /// Reads the key at the first replica that answers.
    func read(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        let query = Query(
            command: RecordReplies.command(request.key), deadlineNs: request.deadlineNs,
            maxStalenessMs: request.maxStalenessMs)
        return try await first(query) { replies.result(of: $0, from: $1, request) }
    }

    /// The first good answer of any replica. A replica of unknown staleness may lack records, so its "absent" may be
    /// wrong. Such an answer is held back a moment, in case a replica of known staleness answers.
    func first<Answer>(
        _ query: Query, interpret: (_ reply: Reply?, _ replica: Int) -> Result<Answer, AttemptFailure>
    ) async throws(AvailableFailure) -> Answer {
        try await search(query) { reply, replica in
            switch interpret(reply, replica) {
            case .success(let answer):
                replicas.stalenessMs(of: replica) == nil ? .insufficient(answer) : .sufficient(answer)
            case .failure(let failure): .failed(failure)
            }
        }.answer
    }

    /// The first sufficient answer; if none arrives, the first insufficient one. If all replicas fail, tries again
    /// while the reasons may pass.
    func search<Answer>(
        _ query: Query, judge: (_ reply: Reply?, _ replica: Int) -> Judgement<Answer>
    ) async throws(AvailableFailure) -> (answer: Answer, isSufficient: Bool) {
        try await retry.retrying(untilNs: query.deadlineNs) {
            () async throws(AttemptFailure) -> (answer: Answer, isSufficient: Bool) in
            let hedged = HedgedCall(
                query.command, group: environment.group, scheduler: environment.scheduler,
                deadlineNs: query.deadlineNs)
            defer { hedged.call.close() }
            return try await attempt(hedged, query, judge)
        }
    }

    private func attempt<Answer>(
        _ hedged: HedgedCall, _ query: Query, _ judge: (_ reply: Reply?, _ replica: Int) -> Judgement<Answer>
    ) async throws(AttemptFailure) -> (answer: Answer, isSufficient: Bool) {
        let call = hedged.call
        var candidates = FreshReplicas(maxStalenessMs: query.maxStalenessMs)
        var asksRest = query.asksAll
        var found: (answer: Answer, isSufficient: Bool)?
        var failure: AttemptFailure?
        var limitNs = UInt64.max
        let outcome: HedgedCall.Outcome<Void> = await hedged.run { excluded in
            guard let nearest = candidates.next(excluded, selector, replicas) else {
                asksRest = false
                return .wait
            }
            guard query.asksAll, !excluded.isEmpty else {
                return .ask([nearest], delayNs: hedgeDelay.ns(latencyNs: environment.group.latencyNs(nearest)))
            }
            asksRest = false
            return .ask(candidates.rest(excluded, selector, replicas), delayNs: .max)
        } judge: { newReplies in
            for replica in newReplies {
                switch judge(call.reply(from: replica), replica) {
                case .sufficient(let answer):
                    found = (answer, true)
                    return .answer(())
                case .insufficient(let answer):
                    guard found == nil else { continue }
                    found = (answer, false)
                    if !query.isRequired { limitNs = environment.nowNs + patienceNs }
                case .failed(let problem): failure = problem
                }
            }
            guard found != nil else { return .wait() }
            if asksRest { return .askNext }
            let isHopeful = call.outstanding.contains { query.asksAll || replicas.stalenessMs(of: $0) != nil }
            guard isHopeful, environment.nowNs < limitNs, !call.isExpired else { return .answer(()) }
            return .wait(untilNs: limitNs)
        }
        if let found { return found }
        if case .expired = outcome { throw .timeout }
        throw exhausted(call, candidates, failure)
    }

    private var hedgeDelay: HedgeDelay {
        let timeouts = environment.settings.timeouts
        return HedgeDelay(minNs: timeouts.minHedgeMs * nsPerMs, maxNs: timeouts.maxHedgeMs * nsPerMs)
    }

    /// How long an insufficient answer is held back: three times the latency of the most distant replica, within
    /// bounds.
    private var patienceNs: UInt64 {
        let distantNs = replicas.usable.map { environment.group.latencyNs($0) }.filter { $0 != .max }.max() ?? 0
        let limitNs = environment.settings.timeouts.callMs * nsPerMs
        return max(hedgeDelay.maxNs, min(min(distantNs, limitNs) * 3, limitNs))
    }

    /// The failure to report when no replica is left to ask.
    private func exhausted(
        _ call: QuorumCall, _ candidates: FreshReplicas, _ failure: AttemptFailure?
    ) -> AttemptFailure {
        if let failure { return failure }
        if !call.overBudget.isEmpty { return .tooManyLongReplies }
        // All replicas that were asked have lost their connections. A new attempt can soon ask other replicas, or these
        // again.
        if !call.sent.isEmpty {
            return .noReplica("The connection was lost before the answer.", isTransient: true)
        }
        if !call.overloaded.isEmpty { return .overloaded }
        if candidates.hasSkipped { return .tooStale(candidates.leastStaleMs) }
        return .noReplica("No replica can be reached.", isTransient: admission.isReadmitting)
    }
}

/// Chooses the replicas to ask, nearest first. Skips those that may be too stale.
private struct FreshReplicas {
    let maxStalenessMs: Int64?
    private var skipped: ReplicaSet = []
    private(set) var leastStaleMs: Int64?

    init(maxStalenessMs: Int64?) { self.maxStalenessMs = maxStalenessMs }

    var hasSkipped: Bool { !skipped.isEmpty }

    mutating func next(
        _ excluded: ReplicaSet, _ selector: ReplicaSelector, _ replicas: ReplicaTable
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

    mutating func rest(_ excluded: ReplicaSet, _ selector: ReplicaSelector, _ replicas: ReplicaTable) -> ReplicaSet {
        var rest: ReplicaSet = []
        while let replica = next(excluded.union(rest), selector, replicas) { rest.insert(replica) }
        return rest
    }
}
