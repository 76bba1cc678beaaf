import EventLoop
import Replication

/// Interprets one replica's reply to a read of one record.
struct RecordReplies {
    let environment: Environment
    let admission: ReplicaAdmission
    let contexts: ContextCache

    private var replicas: ReplicaTable { environment.replicas }

    static func command(_ key: Bytes) -> Command {
        Command(.plain([Arguments.hgetall, RedisKeys.record(key)]), checksIdentity: true)
    }

    /// The content of a reply whose incarnation is the expected one, and the replica's clock.
    func content(
        of reply: Reply?, from replica: Int
    ) -> Result<(reply: Reply, clock: ReplicaClock), AttemptFailure> {
        let clock = replicas.clocks[replica]
        switch (IdentifiedReply(reply, from: clock?.incarnation), clock) {
        case (.expected(let content), let clock?): return .success((content, clock))
        case (.error(let error), _): return .failure(.badReply(error))
        default:
            // The replica was wiped or replaced behind an open connection, so its reply is not trusted.
            admission.readmit(replica)
            return .failure(.noReplica("The replica has been replaced.", isTransient: true))
        }
    }

    /// Interprets a reply as the record that `replica` stores for the key of `request`.
    func result(
        of reply: Reply?, from replica: Int, _ request: ReadRequest
    ) -> Result<ReadResult, AttemptFailure> {
        let stored: Reply
        let clock: ReplicaClock
        switch content(of: reply, from: replica) {
        case .success(let content): (stored, clock) = content
        case .failure(let failure): return .failure(failure)
        }
        if let error = stored.error {
            if error.kind == .wrongType { reportForeignKey(at: replica, request) }
            return .failure(.badReply(error))
        }
        guard let record = StoredRecord(stored, nowMs: clock.earliestUs(atNs: environment.nowNs) / 1_000) else {
            reportForeignKey(at: replica, request)
            return .failure(.badReply(.malformed("not a record")))
        }
        let stalenessMs = replicas.stalenessMs(of: replica)
        if let limitMs = request.maxStalenessMs, stalenessMs.map({ $0 > limitMs }) ?? true {
            return .failure(.tooStale(stalenessMs))
        }
        return .success(
            result(record.view, record.vector, request, stalenessMs: stalenessMs, replica: replicas.names[replica]))
    }

    private func reportForeignKey(at replica: Int, _ request: ReadRequest) {
        environment.events?.foreignKeyFound(replica: replica, redisKey: RedisKeys.record(request.key))
    }

    /// - Parameters:
    ///   - vector: the vector of the record shown as `view`, as text. The result's `version` covers exactly this
    ///     vector.
    ///   - replica: nil if the answers of several replicas were joined.
    func result(
        _ view: Record.View, _ vector: Bytes, _ request: ReadRequest, stalenessMs: Int64?, replica: String?
    ) -> ReadResult {
        let signed = contexts.signed(vector: vector, key: request.key)
        var result = ReadResult(
            value: view.value, version: signed.text, stalenessMs: stalenessMs, isStale: isStale(stalenessMs))
        result.session.token = signed.session
        result.expiresMs = view.expiresMs
        result.replica = replica
        result.conflicts = view.conflicts
        return result
    }

    func isStale(_ stalenessMs: Int64?) -> Bool {
        stalenessMs.map { $0 > environment.settings.maxStalenessMs } ?? true
    }
}

extension AttemptFailure {
    static func badReply(_ error: ServerError) -> AttemptFailure {
        AttemptFailure(failure: AvailableFailure(.badReply, "A replica rejected the command: \(error.summary)."))
    }

    static func noReplica(_ detail: String, isTransient: Bool) -> AttemptFailure {
        AttemptFailure(failure: AvailableFailure(.noReplica, detail), isTransient: isTransient)
    }

    static var timeout: AttemptFailure {
        AttemptFailure(failure: AvailableFailure(.timeout, "No replica answered in time."))
    }

    static var overloaded: AttemptFailure {
        AttemptFailure(failure: AvailableFailure(.overloaded, "Too many commands are waiting for every replica."))
    }

    /// Not transient: another attempt would read all of these values again.
    static var tooManyLongReplies: AttemptFailure {
        AttemptFailure(failure: AvailableFailure(.overloaded, "Too many long values are being read."))
    }

    static func tooStale(_ stalenessMs: Int64?) -> AttemptFailure {
        var failure = AvailableFailure(.tooStale, "No reachable replica is known to be that fresh.")
        failure.stalenessMs = stalenessMs
        return AttemptFailure(failure: failure)
    }
}
