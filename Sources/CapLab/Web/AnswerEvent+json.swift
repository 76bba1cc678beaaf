import JSON

extension AnswerEvent.Reply {
    static let maxBodyCharacters = 2_000

    /// - Parameter isChange: true if the request was a change, which may have been applied even without an answer.
    init(_ answer: Answer, isChange: Bool) {
        let isMissing = answer.status == 0
        status = answer.status
        code = answer.code
        outcome = isMissing && isChange ? (answer.isSent ? "unknown" : "not_applied") : answer.outcome
        value = answer.value
        conflicts = (answer.conflicts ?? []).compactMap { $0?.text }
        stalenessMs = answer.stalenessMs
        isStale = answer.stale ?? false
        version = answer.version?.text
        detail = isMissing ? (answer.isSent ? "no answer" : "the connection was refused") : answer.detail
        body = String(answer.body.prefix(Self.maxBodyCharacters))
    }

    var result: AnswerEvent.Result {
        switch status {
        case 0: .error
        case 429, 503, 504: outcome == nil || outcome == "not_applied" ? .refused : .error
        case 500...: .error
        default: .ok
        }
    }
}

extension AnswerEvent {
    /// The most characters of a value in an event. The page shows fewer, and one batch must fit into a viewer's buffer.
    static let maxValueCharacters = 200
    static let maxConflicts = 20

    /// Combines a request from the page or its load generator with the answer of the service.
    init(
        _ request: AskRequest, _ answer: Answer, by origin: Origin, id: Int, sentUs: Int64, target: CurlTarget
    ) {
        self.init(
            id: id, tMs: Double(sentUs) / 1_000, tookMs: answer.tookMs, by: origin, request: request,
            curl: request.curl(target), reply: Reply(answer, isChange: request.isChange))
    }

    /// The result of a request, as the event `series` counts it.
    enum Result {
        /// The service answered. A missing key and a failed condition are answers too.
        case ok
        /// The service reported that it cannot answer now, and did nothing.
        case refused
        /// There was no answer, an internal error, or an unknown outcome.
        case error
    }

    /// Writes the answer as an object of the event `answers`.
    func write(to json: inout JSONWriter) {
        json.beginObject()
        json.member("id", id)
        json.milliseconds("tMs", tMs)
        json.milliseconds("tookMs", tookMs)
        json.member("by", by.rawValue)
        json.member("service", request.service)
        json.member("op", request.op.rawValue)
        json.member("key", request.key)
        json.member("sent", request.value.map { String($0.prefix(Self.maxValueCharacters)) })
        json.member("status", reply.status)
        json.member("code", reply.code)
        json.member("outcome", reply.outcome)
        json.member("value", reply.value.map { String($0.prefix(Self.maxValueCharacters)) })
        json.strings(
            "conflicts", reply.conflicts.prefix(Self.maxConflicts).map { String($0.prefix(Self.maxValueCharacters)) })
        json.milliseconds("stalenessMs", reply.stalenessMs)
        json.member("stale", reply.isStale)
        json.member("version", reply.version)
        json.member("detail", reply.detail)
        json.member("curl", curl)
        json.member("body", reply.body)
        json.endObject()
    }
}

extension JSONWriter {
    /// Writes a number of milliseconds with up to three decimals, or `null`.
    mutating func milliseconds(_ name: StaticString, _ durationMs: Double?) {
        key(name)
        if let durationMs, durationMs.magnitude < 1e12 {
            thousandths(Int64((durationMs * 1_000).rounded()))
        } else {
            null()
        }
    }
}
