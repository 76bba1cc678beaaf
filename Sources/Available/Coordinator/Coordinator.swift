import EventLoop
import Replication

/// Runs writes and deletes: one replica coordinates the change, and the others receive it afterwards (rules A3 to A6).
final class Coordinator {
    private let environment: Environment
    private let admission: ReplicaAdmission
    private let selector: ReplicaSelector
    private let retry: RetryPolicy
    private let contexts: ContextCache
    private let delivery: Delivery
    private var putArguments: PutArgumentCache

    init(
        _ environment: Environment, admission: ReplicaAdmission, selector: ReplicaSelector, retry: RetryPolicy,
        contexts: ContextCache, delivery: Delivery
    ) {
        self.environment = environment
        self.admission = admission
        self.selector = selector
        self.retry = retry
        self.contexts = contexts
        self.delivery = delivery
        putArguments = PutArgumentCache(environment)
    }

    private var replicas: ReplicaTable { environment.replicas }

    /// - Parameter seen: the version of the key that the client has seen. If a replica has nothing to delete and lacks
    ///   part of that version, the other replicas are asked too. The result's `version` then covers what all of them
    ///   have.
    func change(
        _ request: ChangeRequest, seen: VersionVector = VersionVector()
    ) async throws(AvailableFailure) -> ChangeResult {
        let change = ClientChange(
            request, context: try context(of: request), randomBits: environment.scheduler.randomBits())
        var attempts = ChangeAttempts(seen: seen)
        while true {
            guard let coordinator = selector.nearestCoordinator(excluding: attempts.excluded) else {
                if let vector = attempts.absentEverywhere { return result(change, vector, existed: false) }
                guard await mayTryAgain(&attempts, request) else { throw attempts.failure }
                continue
            }
            guard let budgetMs = budgetMs(at: coordinator, request, attempts.excluded), attempts.mayAttempt else {
                throw attempts.failure
            }
            attempts.begin()
            if let result = try await attempt(change, at: coordinator, budgetMs: budgetMs, &attempts) {
                return result
            }
        }
    }

    private func context(of request: ChangeRequest) throws(AvailableFailure) -> Bytes? {
        guard let text = request.context else { return nil }
        guard let vector = contexts.vector(of: text, key: request.key) else {
            throw AvailableFailure(
                .badContext, "The context was not issued for this key by this group.", outcome: .notApplied)
        }
        return vector
    }

    /// How long the change is tried at `coordinator`; nil if too little time is left.
    ///
    /// While other coordinators are left, the change gets no more than its share of the time. Otherwise an
    /// overestimated latency of this coordinator would use up the time of the others. The share is never less than the
    /// timeout of a call, because a usable replica answers within that.
    private func budgetMs(at coordinator: Int, _ request: ChangeRequest, _ excluded: ReplicaSet) -> UInt64? {
        let nowNs = environment.nowNs
        let leftMs = request.deadlineNs > nowNs ? (request.deadlineNs - nowNs) / nsPerMs : 0
        guard leftMs > 2 * Fence.marginMs else { return nil }
        let usualMs = Fence.budgetMs(
            latencyNs: environment.group.latencyNs(coordinator), settings: environment.settings)
        let others = replicas.everyReplica.subtracting(excluded).subtracting([coordinator]).count
        let shareMs = max(leftMs / UInt64(others + 1), environment.settings.timeouts.callMs)
        return min(usualMs, min(shareMs, leftMs) - Fence.marginMs)
    }

    /// Called after every reachable replica was tried. Returns true for another round, if the reasons for the failures
    /// may pass.
    private func mayTryAgain(_ attempts: inout ChangeAttempts, _ request: ChangeRequest) async -> Bool {
        let isTransient = attempts.isTransient || attempts.isUnanswered || admission.isReadmitting
        attempts.endRound()
        guard await retry.mayRetry(round: attempts.rounds, isTransient: isTransient, request.deadlineNs) else {
            return false
        }
        attempts.beginRound()
        return true
    }

    /// One attempt at one coordinator.
    ///
    /// - Returns: nil if another attempt is needed. This coordinator was not sent the change, refused it, had nothing
    ///   to delete, or gave no valid answer before its fence.
    private func attempt(
        _ change: ClientChange, at coordinator: Int, budgetMs: UInt64, _ attempts: inout ChangeAttempts
    ) async throws(AvailableFailure) -> ChangeResult? {
        // Everything below uses the clocks as they were known before the change was sent. Newer readings would move the
        // fence.
        let clocks = replicas.clocks
        let startNs = environment.nowNs
        guard let clock = clocks[coordinator] else { return nil }
        let fenceEndNs = startNs + (budgetMs + Fence.marginMs) * nsPerMs
        let arguments = putArguments.arguments(coordinator, clock)
        let command = arguments.command(
            change, isLaterAttempt: attempts.isUnanswered,
            notAfter: clock.notAfter(startNs: startNs, budgetMs: budgetMs))
        let call = environment.client.send(command, to: [coordinator], deadlineNs: fenceEndNs)
        guard call.sent.contains(coordinator) else {
            if call.overloaded.contains(coordinator) {
                attempts.overloaded(coordinator)
            } else {
                attempts.exclude(coordinator)
            }
            return nil
        }
        await call.waitForAll()
        guard let reply = call.reply(from: coordinator) else {
            attempts.unanswered(coordinator)
            // The replica may still run the change. No other replica may be asked before the fence has passed.
            let nowNs = environment.nowNs
            if nowNs < fenceEndNs { await environment.scheduler.sleep(forNs: fenceEndNs - nowNs) }
            return nil
        }
        switch PutReply(reply, packed: change.packed, actor: arguments.actor) {
        case .applied(let applied):
            replicas.readClock(of: coordinator, epoch: clock.epoch, timeUs: applied.nowUs)
            replicas.noteChange(rejectedWith: nil, by: coordinator)
            // A delete with a context is applied even if this replica holds nothing: it removes what its client saw at
            // other replicas. A delete is also applied if another replica may have applied it already.
            let existed = applied.existed || change.context != nil || attempts.isUnanswered
            var result = result(change, applied.vector, existed: existed)
            result.replica = replicas.names[coordinator]
            // The version covers all values of the record, so the answer must show all of them. A client that writes
            // with this version states that it has seen them.
            result.conflicts = applied.conflicts
            if !applied.overwritten.isEmpty {
                result.overwritten = applied.overwritten
                environment.events?.valuesOverwritten(applied.overwritten.count)
            }
            return try await acknowledge(result, change, applied, at: coordinator, clocks: clocks, startNs: startNs)
        case .absent(let vector):
            return attempts.absent(vector, at: coordinator).map { result(change, $0, existed: false) }
        case .tooManySiblings(let count):
            throw AvailableFailure(
                .tooManySiblings,
                "The context is too old: \(count) values that it does not cover would stay. "
                    + "Read again and resolve them.",
                outcome: attempts.isUnanswered ? .unknown : .notApplied)
        case .refused(let refusal):
            admission.learn(from: refusal, of: coordinator)
            if let error = refusal.errorOfReplica { replicas.noteChange(rejectedWith: error, by: coordinator) }
            if case .error(let error) = refusal, error.kind == .wrongType {
                environment.events?.foreignKeyFound(replica: coordinator, redisKey: change.recordKey)
            }
            attempts.refused(refusal, coordinator)
            return nil
        case .unreadable:
            attempts.unanswered(coordinator)
            return nil
        }
    }

    private func result(_ change: ClientChange, _ vector: Bytes, existed: Bool) -> ChangeResult {
        let signed = contexts.signed(vector: vector, key: change.request.key)
        var result = ChangeResult(version: signed.text, replicasAcked: 1, existed: existed)
        result.session.token = signed.session
        return result
    }

    // MARK: Acknowledgement

    /// Delivers a change that `coordinator` has stored, and waits until `AP_WRITE_ACKS` replicas have it.
    private func acknowledge(
        _ stored: ChangeResult, _ change: ClientChange, _ applied: PutReply.Applied, at coordinator: Int,
        clocks: ClockTable, startNs: UInt64
    ) async throws(AvailableFailure) -> ChangeResult {
        let needed = environment.settings.writeAcks
        let wait = needed > 1 ? AcknowledgementWait(coordinator: coordinator, needed: needed) : nil
        delivery.deliver(
            CarriedRecord(
                key: change.recordKey, vector: applied.vector, replaced: applied.replaced, siblings: applied.siblings),
            hlc: applied.hlc, from: coordinator, clocks: clocks, startNs: startNs, wait: wait)
        guard let wait else { return stored }
        // After the merge fence, no replica accepts the record from this delivery any more.
        let fenceEndNs = startNs + (environment.settings.timeouts.maxMergeFenceMs + Fence.marginMs) * nsPerMs
        await wait.wait(environment.scheduler, untilNs: min(change.request.deadlineNs, fenceEndNs))
        var result = stored
        result.replicasAcked = wait.replicas.count
        guard wait.isEnough else {
            var failure = AvailableFailure(
                .insufficientAcks,
                "\(result.replicasAcked) of the \(needed) replicas asked for have it. It will reach the others.",
                outcome: .applied)
            failure.applied = result
            throw failure
        }
        return result
    }
}
