import JSON

extension AnswerEvent {
    static let maxBodyCharacters = 2_000
    /// Longer values are truncated in an event: the page shows less, and one batch must fit into a viewer's buffer.
    static let maxValueCharacters = 200
    static let maxConflicts = 20

    /// Combines a request of the page or its load with the answer of the service.
    init(
        _ request: AskRequest, _ answer: Answer, by origin: Origin, id: Int, sentUs: Int64, port: UInt16
    ) {
        self.init(
            id: id, tMs: Double(sentUs) / 1_000, tookMs: answer.tookMs, by: origin, service: request.service,
            op: request.op, key: request.key, status: answer.status)
        sent = request.value
        expires = request.ttlMs != nil
        code = answer.code
        outcome = answer.outcome
        value = answer.value
        conflicts = (answer.conflicts ?? []).compactMap { $0?.text }
        stalenessMs = answer.stalenessMs
        stale = answer.stale ?? false
        version = answer.version?.text
        detail = answer.detail
        curl = request.curl(port: port)
        body = String(answer.body.prefix(Self.maxBodyCharacters))
        guard answer.status == 0 else { return }
        detail = answer.isSent ? "no answer" : "the connection was refused"
        if request.isChange { outcome = answer.isSent ? "unknown" : "not_applied" }
    }

    /// The result of a request, as the series count it.
    enum Result {
        /// The service answered. A missing key and a failed condition are answers too.
        case ok
        /// The service reported that it cannot answer now, and did nothing.
        case refused
        /// There was no answer, or its outcome is unknown.
        case error
    }

    var result: Result {
        switch status {
        case 0: .error
        case 429, 503, 504: outcome == nil || outcome == "not_applied" ? .refused : .error
        case 500...: .error
        default: .ok
        }
    }

    /// Writes the answer as an object of the event `answers`.
    func write(to json: inout JSONWriter) {
        json.beginObject()
        json.member("id", id)
        json.milliseconds("tMs", tMs)
        json.milliseconds("tookMs", tookMs)
        json.member("by", by.rawValue)
        json.member("service", service)
        json.member("op", op.rawValue)
        json.member("key", key)
        json.member("sent", sent.map { String($0.prefix(Self.maxValueCharacters)) })
        json.member("status", status)
        json.member("code", code)
        json.member("outcome", outcome)
        json.member("value", value.map { String($0.prefix(Self.maxValueCharacters)) })
        json.strings(
            "conflicts", conflicts.prefix(Self.maxConflicts).map { String($0.prefix(Self.maxValueCharacters)) })
        json.milliseconds("stalenessMs", stalenessMs)
        json.member("stale", stale)
        json.member("version", version)
        json.member("detail", detail)
        json.member("curl", curl)
        json.member("body", body)
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
