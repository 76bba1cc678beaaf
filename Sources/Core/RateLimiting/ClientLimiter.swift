import Crypto
import EventLoop
import Replication

/// Limits the requests of each client. A limit holds for all instances of the group together.
///
/// For one client, all instances that reach the same replicas ask the same replica for permits (``PermitStore``). Used
/// on the scheduler's thread only.
public final class ClientLimiter {
    /// The scripts that the group must load.
    public static let scripts = [PermitStore.script]

    public enum Verdict: Equatable {
        case admitted(Quota)
        case refused(Quota)
    }

    private let limits: RateLimits
    private let secret: SymmetricKey
    private let scheduler: any Scheduler
    private let store: PermitStore
    private let onCall: (_ isAnswered: Bool) -> Void
    private var table = LimitTable()

    /// The most requests of one client that wait for the replicas; further ones are decided in this process.
    static let maxWaiting = 1_024

    /// - Parameters:
    ///   - secret: equal for all instances of the group; may be empty.
    ///   - replicaTimeoutNs: the most that a request waits for one replica, in nanoseconds.
    ///   - onCall: called after each call for permits. False if no replica answered: the limits then apply in this
    ///     process alone for a while.
    public init(
        _ limits: RateLimits, group: any ReplicaGroup, scheduler: any Scheduler, secret: String,
        replicaTimeoutNs: UInt64 = 50 * nsPerMs,
        onCall: @escaping (_ isAnswered: Bool) -> Void = { _ in }
    ) {
        self.limits = limits
        self.scheduler = scheduler
        self.onCall = onCall
        // The purpose is part of the key, because the same secret also has other purposes.
        self.secret = SymmetricKey(data: Array("cap rate limits ".utf8) + Array(secret.utf8))
        store = PermitStore(limits, group: group, scheduler: scheduler, replicaTimeoutNs: replicaTimeoutNs)
    }

    /// The quota of a client whose requests are refused for now; otherwise nil. Does not ask the replicas.
    public func refusal(of client: LimitedClient) -> Quota? {
        let entry = entry(of: client)
        return entry.limit.isRefused(atNs: scheduler.nowNs) ? quota(entry) : nil
    }

    /// Decides on one request. If this instance holds no permit, waits for the replicas.
    public func admit(_ client: LimitedClient) async -> Verdict {
        if let verdict = decide(client) { verdict } else { await ask(client) }
    }

    /// Decides on one request without waiting.
    /// - Returns: nil if this instance holds no permit: call ``ask(_:)``.
    public func decide(_ client: LimitedClient) -> Verdict? {
        let entry = entry(of: client)
        let nowNs = scheduler.nowNs
        switch entry.limit.decide(atNs: nowNs) {
        case .admit:
            if !entry.isAsking, entry.limit.needsRenewal(atNs: nowNs) { ask(entry) }
            return .admitted(quota(entry))
        case .refuse: return .refused(quota(entry))
        case .ask: return nil
        }
    }

    /// Decides on a request after ``decide(_:)`` could not. Waits at most twice `replicaTimeoutNs`.
    public func ask(_ client: LimitedClient) async -> Verdict {
        let entry = entry(of: client)
        guard entry.waiting.count < Self.maxWaiting else { return decideAlone(entry) }
        let isAdmitted = await withUnsafeContinuation { continuation in
            entry.waiting.append(continuation)
            if !entry.isAsking { ask(entry) }
        }
        return isAdmitted ? .admitted(quota(entry)) : .refused(quota(entry))
    }

    private func entry(of client: LimitedClient) -> LimitEntry {
        table.entry(of: client) { LimitEntry(key: LimitKey(client, secret: secret), limit: ClientLimit(limits)) }
    }

    private func decideAlone(_ entry: LimitEntry) -> Verdict {
        let isAdmitted = entry.limit.replicasFailed(waiting: 1, atNs: scheduler.nowNs) == 1
        return isAdmitted ? .admitted(quota(entry)) : .refused(quota(entry))
    }

    /// Asks the replicas until no request waits. Each call decides all requests that waited when it began.
    private func ask(_ entry: LimitEntry) {
        entry.isAsking = true
        scheduler.spawn { [self] in
            repeat { await askOnce(entry) } while !entry.waiting.isEmpty
            entry.isAsking = false
        }
    }

    private func askOnce(_ entry: LimitEntry) async {
        let wanted = entry.limit.wanted(waiting: entry.waiting.count)
        let reply = await store.take(wanted, of: entry.key)
        onCall(reply != nil)
        let waiting = entry.waiting
        entry.waiting = []
        let nowNs = scheduler.nowNs
        guard let reply else {
            let admitted = entry.limit.replicasFailed(waiting: waiting.count, atNs: nowNs)
            return resume(waiting, admitted: admitted)
        }
        let admitted = entry.limit.granted(reply, forWaiting: waiting.count, atNs: nowNs)
        // Requests that arrived after the command was sent may need another call, unless the permits are exhausted.
        let isExhausted = reply.granted < wanted
        let decided = isExhausted ? waiting.count : admitted
        entry.waiting = Array(waiting[decided...])
        resume(waiting[..<decided], admitted: admitted)
    }

    /// Admits the first ones, and refuses the others.
    private func resume(_ waiting: some Collection<UnsafeContinuation<Bool, Never>>, admitted: Int) {
        for (index, continuation) in waiting.enumerated() { continuation.resume(returning: index < admitted) }
    }

    private func quota(_ entry: LimitEntry) -> Quota {
        Quota(entry.limit, limits, atNs: scheduler.nowNs)
    }
}
