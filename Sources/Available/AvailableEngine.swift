import EventLoop
import Replication

/// The AP engine: a Dynamo-like store over independent replicas (DeCandia et al., *Dynamo*, 2007). Each replica runs
/// one atomic step per script (rules A1 to A11 of `docs/design.md`).
///
/// Any reachable replica coordinates a write: it stores the value and, in the same step, a hint for each other replica.
/// A read asks one replica. While a single replica answers, both succeed, and each answer has a bound on its staleness.
/// Once the replicas can be reached again, all hints are delivered and all replicas hold the same records, with
/// concurrent values side by side.
///
/// This class only wires the components, one per folder. It lives on one reactor's thread and knows no socket and no
/// HTTP.
public final class AvailableEngine: ReplicaGroupDelegate {
    private let environment: Environment
    let admission: ReplicaAdmission
    private let selector: ReplicaSelector
    let coordinator: Coordinator
    private let reader: Reader
    private let sessionReader: SessionReader
    private let sessionWriter: SessionWriter
    private let background: BackgroundLoop

    /// - Parameters:
    ///   - group: the engine becomes its delegate and sets its identity check.
    ///   - scheduler: all methods must be called on its thread.
    ///   - settings: fixed for the life of the engine.
    ///   - events: held strongly.
    public init(
        group: any ReplicaGroup, scheduler: any Scheduler, settings: AvailableSettings,
        events: (any AvailableEvents)? = nil
    ) {
        precondition(group.replicaNames.allSatisfy(AvailableSettings.isValidReplicaName), "bad replica name")
        precondition((1...group.replicaCount).contains(settings.writeAcks), "more acknowledgements than replicas")
        let environment = Environment(group: group, scheduler: scheduler, settings: settings, events: events)
        self.environment = environment
        admission = ReplicaAdmission(environment)
        selector = ReplicaSelector(environment)
        let scripts = ScriptClient(environment: environment, admission: admission)
        let retry = RetryPolicy(environment: environment, selector: selector)
        let sessions = SessionSigner(secret: settings.secret, groupName: settings.groupName)
        let contexts = ContextCache(
            signer: ContextSigner(secret: settings.secret, groupName: settings.groupName), sessions: sessions,
            maxEntries: settings.limits.contextCacheEntries)
        let tokenChecks = SessionTokenChecks(signer: sessions, contexts: contexts)
        coordinator = Coordinator(
            environment, admission: admission, selector: selector, retry: retry, contexts: contexts,
            delivery: Delivery(environment, scripts: scripts))
        let replies = RecordReplies(environment: environment, admission: admission, contexts: contexts)
        reader = Reader(
            environment: environment, selector: selector, admission: admission, retry: retry, replies: replies)
        sessionReader = SessionReader(environment: environment, reader: reader, tokenChecks: tokenChecks)
        sessionWriter = SessionWriter(coordinator: coordinator, tokenChecks: tokenChecks)
        background = BackgroundLoop(environment, scripts: scripts)
        group.identityCheck = Command(.plain([Bytes("HGET".utf8), RedisKeys.identity, RedisKeys.incarnationField]))
        group.delegate = self
    }

    /// Starts the background work: staleness probes, hinted handoff, anti-entropy, tombstone GC. Each is bounded in
    /// what it has in flight, and every command has a deadline.
    public func start() { background.start() }

    /// Ends the background work after what is in flight. Reads and writes continue to work.
    public func stop() { background.stop() }

    // MARK: Requests

    /// - Throws: ``AvailableFailure``: `no_replica`, `too_stale`, `timeout`, `overloaded`, `bad_reply`; in a session
    ///   also `bad_token` and `session_unmet`.
    public func read(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        let isPlain = request.session == SessionRequest()
        let result = try await isPlain ? reader.read(request) : sessionReader.read(request)
        if !result.conflicts.isEmpty { environment.events?.conflictRead(values: result.conflicts.count) }
        return result
    }

    /// - Throws: ``AvailableFailure``, always with an outcome. Not applied: `bad_context`, `bad_token`,
    ///   `session_unmet`, `too_many_siblings`, `no_replica`, `overloaded`. Applied: `insufficient_acks`. As far as the
    ///   outcome is known: `timeout`, `replica_full` and `bad_reply`.
    public func change(_ request: ChangeRequest) async throws(AvailableFailure) -> ChangeResult {
        guard request.session == SessionRequest() else { return try await sessionWriter.change(request) }
        return try await coordinator.change(request)
    }

    /// Keys with more than one value, as the first replica that answers lists them, in order of their bytes. A page is
    /// bound to no replica: the next one continues after the same key at any of them. A page costs as much as it lists,
    /// however many records there are.
    ///
    /// - Parameters:
    ///   - cursor: ``ConflictPage/next`` of the previous page; nil for the first.
    ///   - limit: 1 to 1000 keys.
    ///   - deadlineNs: on the scheduler's clock.
    /// - Throws: ``AvailableFailure``: `no_replica`, `timeout`, `overloaded`, `bad_reply`.
    public func conflicts(
        after cursor: Bytes?, limit: Int, deadlineNs: UInt64
    ) async throws(AvailableFailure) -> ConflictPage {
        try await ConflictList(reader: reader).page(after: cursor, limit: limit, deadlineNs: deadlineNs)
    }

    // MARK: Status

    var replicas: ReplicaTable { environment.replicas }

    /// Every replica as of the last staleness probe. Sends no command.
    public func status() -> [AvailableReplicaStatus] { background.status() }

    /// Upper bound of the age of an answer of `replica`, in milliseconds; nil if unknown. Sends no command.
    public func stalenessMs(replica: Int) -> Int64? { replicas.stalenessMs(of: replica) }

    // MARK: ReplicaGroupDelegate

    public func admit(replica: Int) async -> Bool { await admission.admit(replica) }

    public func replicaDidConnect(_ replica: Int) {
        selector.invalidate()
        background.didConnect(replica)
    }

    public func replicaDidDisconnect(_ replica: Int) {
        replicas.forgetClock(of: replica)
        selector.invalidate()
    }
}
