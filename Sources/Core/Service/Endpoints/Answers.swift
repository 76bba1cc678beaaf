import HTTP
import Replication

/// The JSON and problem documents of the key-value endpoints.
enum Answers {
    // MARK: Success

    static func changed(_ result: ChangeResult, key: Bytes, mode: ServiceMode) -> Response {
        var json = JSONWriter(capacity: 192 + key.count)
        json.beginObject()
        json.member("mode", mode.rawValue)
        json.value("key", encodingKey: "key_encoding", key)
        json.version(result.version)
        json.member("outcome", Outcome.applied.rawValue)
        json.member("replicas_acked", result.replicasAcked)
        if let replica = result.replica { json.member("replica", replica) }
        if mode == .ap {
            if !result.conflicts.isEmpty { json.values("conflicts", result.conflicts) }
            json.values("overwritten", result.overwritten)
        }
        json.session(result.session)
        json.endObject()
        return .json(json, headers: headers(of: result.version, result.session))
    }

    static func found(_ result: ReadResult, key: Bytes, mode: ServiceMode, wantsBytes: Bool) -> Response {
        let value = result.value ?? []
        if wantsBytes { return bytes(result, value) }
        var json = JSONWriter(capacity: 256 + key.count + value.count)
        json.beginObject()
        json.member("mode", mode.rawValue)
        json.value("key", encodingKey: "key_encoding", key)
        if isValidUTF8(value) {
            json.key("value")
            json.string(utf8: value)
            json.member("encoding", "utf-8")
        } else {
            json.key("value")
            json.base64(value)
            json.member("encoding", "base64")
        }
        json.version(result.version)
        json.staleness(result)
        if let expiresMs = result.expiresMs { json.member("expires_ms", expiresMs) }
        if let replica = result.replica { json.member("replica", replica) }
        if !result.conflicts.isEmpty { json.values("conflicts", result.conflicts) }
        json.session(result.session)
        json.endObject()
        return .json(json, headers: headers(of: result.version, result.session))
    }

    /// The value itself, what is said of it in header fields.
    private static func bytes(_ result: ReadResult, _ value: Bytes) -> Response {
        var headers = headers(of: result.version, result.session)
        // It covers all values: of those that stand beside this one the client has seen nothing.
        if case .context(let context) = result.version, context.utf8.count <= maxHeaderContextBytes,
            result.conflicts.isEmpty
        {
            headers.append(Header("X-Context", context))
        }
        headers.append(Header("X-Staleness-Ms", result.stalenessMs.map(String.init) ?? "unknown"))
        headers.append(Header("X-Stale", result.isStale ? "true" : "false"))
        headers.append(Header("X-Conflicts", String(result.conflicts.count)))
        if let replica = result.replica { headers.append(Header("X-Replica", replica)) }
        if let word = sessionWord(result.session) { headers.append(Header("X-Session", word)) }
        return Response(contentType: ContentType.octets, headers: headers, body: value)
    }

    /// A context above this goes into the body only: clients and proxies bound the header.
    private static let maxHeaderContextBytes = 4_096

    static func headers(of version: Version, _ session: SessionAnswer = SessionAnswer()) -> [Header] {
        if case .counter(let number) = version { return [Header("ETag", "\"\(number)\"")] }
        return session.token.map { [Header("X-Session-Token", $0)] } ?? []
    }

    /// Nil where there was nothing to guarantee.
    fileprivate static func sessionWord(_ session: SessionAnswer) -> String? {
        session.isGuaranteed.map { $0 ? "guaranteed" : "not_guaranteed" }
    }

    // MARK: Failure

    static func noSuchKey(_ result: ReadResult) -> Problem {
        var problem = Problem(status: 404, code: "key_not_found", detail: "there is no such key")
            .with("version", member(of: result.version))
            .with("staleness_ms", result.stalenessMs.map { .integer($0) } ?? .null)
            .with("stale", .bool(result.isStale))
        for header in headers(of: result.version, result.session) { problem = problem.with(header: header) }
        // Values beside a delete that is newer: the version covers them, so whoever writes with it must have seen them.
        if !result.conflicts.isEmpty { problem = problem.with("conflicts", .values(result.conflicts)) }
        return problem.with(result.session)
    }

    static func nothingToDelete(_ result: ChangeResult) -> Problem {
        let problem = Problem(status: 404, code: "key_not_found", detail: "there is no such key")
            .with("outcome", .string(Outcome.notApplied.rawValue))
            .with("version", member(of: result.version))
        return headers(of: .context(""), result.session).reduce(problem) { $0.with(header: $1) }.with(result.session)
    }

    /// `If-Match` on a read of another version.
    static func otherVersion(_ version: Version) -> Problem {
        var problem = Problem.preconditionFailed(
            StoreFailure.Code.preconditionFailed.rawValue, "the current version is another one"
        ).with("version", member(of: version))
        for header in headers(of: version) { problem = problem.with(header: header) }
        return problem
    }

    fileprivate static func status(of code: StoreFailure.Code) -> Int {
        switch code {
        case .noQuorum, .noReplica, .replicasBlank, .rebuilding, .insufficientAcks, .overloaded: 503
        case .badReply, .replicaFull: 503
        case .timeout: 504
        case .preconditionFailed, .tooStale, .sessionUnmet: 412
        case .tooManySiblings: 409
        case .badContext, .badToken: 400
        }
    }

    fileprivate static func member(of version: Version) -> Problem.Member {
        switch version {
        case .counter(let number): .integer(Int64(clamping: number))
        case .context(let text): .string(text)
        }
    }
}

extension Problem {
    fileprivate func with(_ session: SessionAnswer) -> Problem {
        Answers.sessionWord(session).map { with("session", .string($0)) } ?? self
    }

    /// An engine's refusal as the client sees it: a 503 or 504 may pass, so it says when to try again.
    public init(_ failure: StoreFailure) {
        let status = Answers.status(of: failure.code)
        self.init(
            status: status, code: failure.code.rawValue, detail: failure.detail,
            retryAfterS: status == 503 || status == 504 ? 1 : nil)
        if let outcome = failure.outcome { self = with("outcome", .string(outcome.rawValue)) }
        if let acked = failure.replicasAcked { self = with("replicas_acked", .integer(Int64(acked))) }
        if let stalenessMs = failure.stalenessMs { self = with("staleness_ms", .integer(stalenessMs)) }
        if let version = failure.currentVersion {
            self = with("version", Answers.member(of: version))
            for header in Answers.headers(of: version) { self = with(header: header) }
        }
        if let applied = failure.applied { self = with(applied) }
    }

    /// A change that is in says all that one with enough acknowledgements would.
    private func with(_ applied: ChangeResult) -> Problem {
        var problem = with("version", Answers.member(of: applied.version))
        for header in Answers.headers(of: applied.version, applied.session) { problem = problem.with(header: header) }
        if !applied.conflicts.isEmpty { problem = problem.with("conflicts", .values(applied.conflicts)) }
        return problem.with("overwritten", .values(applied.overwritten)).with(applied.session)
    }
}

extension JSONWriter {
    /// A text where the bytes are UTF-8; else their base64, with a second member that says so.
    mutating func value(_ name: StaticString, encodingKey: StaticString, _ bytes: Bytes) {
        key(name)
        if isValidUTF8(bytes) {
            string(utf8: bytes)
        } else {
            base64(bytes)
            member(encodingKey, "base64")
        }
    }

    mutating func session(_ session: SessionAnswer) {
        if let word = Answers.sessionWord(session) { member("session", word) }
    }

    mutating func version(_ version: Version) {
        switch version {
        case .counter(let number): member("version", number)
        case .context(let text): member("version", text)
        }
    }

    mutating func staleness(_ result: ReadResult) {
        if let stalenessMs = result.stalenessMs {
            member("staleness_ms", stalenessMs)
        } else {
            nullMember("staleness_ms")
        }
        member("stale", result.isStale)
    }

    /// An array of values: each a text, null for a delete, or an object with base64 where it is not UTF-8.
    mutating func values(_ name: StaticString, _ values: [Bytes?]) {
        key(name)
        beginArray()
        for value in values {
            if let value { text(orBase64: value) } else { null() }
        }
        endArray()
    }

    /// A string where the bytes are UTF-8, else an object with their base64.
    public mutating func text(orBase64 bytes: Bytes) {
        if isValidUTF8(bytes) {
            string(utf8: bytes)
        } else {
            beginObject()
            key("base64")
            base64(bytes)
            endObject()
        }
    }
}
