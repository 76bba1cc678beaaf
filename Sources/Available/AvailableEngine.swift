import EventLoop
import Replication

/// The AP engine: a Dynamo-like store over independent replicas (DeCandia et al., *Dynamo*, 2007). Each replica runs
/// one atomic step per script (rules A1 to A11 of `docs/design.md`).
///
/// Any replica can coordinate a write: it stores the value and, in the same step, a hint for each other replica. A read
/// asks one replica first, and others only if necessary. Reads succeed while one replica answers, and so do writes if
/// one acknowledgement suffices. A read result has an upper bound of its staleness, or nil if it is unknown. After a
/// partition heals, all hints are delivered. Then all replicas hold the same records, with concurrent values side by
/// side.
///
/// This class only connects the components, one per folder. All its code runs on one reactor's thread, and contains no
/// sockets and no HTTP.
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
    ///   - group: the replicas; the engine becomes the group's delegate and sets its identity check.
    ///   - scheduler: the clock and timers; all methods of the engine must be called on the scheduler's thread.
    ///   - settings: fixed for the life of the engine.
    ///   - events: the receiver of the engine's events, held strongly.
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

    /// Starts the background work: staleness probes, hinted handoff, anti-entropy, tombstone GC. Each kind of work
    /// limits what it has in flight, and every command has a deadline.
    public func start() { background.start() }

    /// Stops the background work once the commands in flight have ended. Reads and writes continue to work.
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

    /// - Throws: ``AvailableFailure``, always with an outcome. The outcome is `applied` for `insufficient_acks`. It is
    ///   `not_applied` or `unknown` for `timeout` and `too_many_siblings`, and `not_applied` for all other codes.
    public func change(_ request: ChangeRequest) async throws(AvailableFailure) -> ChangeResult {
        guard request.session == SessionRequest() else { return try await sessionWriter.change(request) }
        return try await coordinator.change(request)
    }

    /// Lists keys with more than one value, in order of their bytes, as the first replica that answers stores them. The
    /// next page may come from any replica: it continues after the last key of this page. The cost depends on the keys
    /// listed, not on the number of records.
    ///
    /// - Parameters:
    ///   - cursor: ``ConflictPage/next`` of the previous page; nil for the first.
    ///   - limit: 1 to 1000 keys.
    ///   - deadlineNs: deadline on the scheduler's clock.
    /// - Throws: ``AvailableFailure``: `no_replica`, `timeout`, `overloaded`, `bad_reply`.
    public func conflicts(
        after cursor: Bytes?, limit: Int, deadlineNs: UInt64
    ) async throws(AvailableFailure) -> ConflictPage {
        try await ConflictList(reader: reader).page(after: cursor, limit: limit, deadlineNs: deadlineNs)
    }

    // MARK: Status

    var replicas: ReplicaTable { environment.replicas }

    /// The status of every replica at the last staleness probe. Sends no command.
    public func status() -> [AvailableReplicaStatus] { background.status() }

    /// The staleness of `replica` in milliseconds: an answer that it gives now reflects every write that any replica
    /// stored longer ago than this. Nil if unknown. Sends no command.
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
