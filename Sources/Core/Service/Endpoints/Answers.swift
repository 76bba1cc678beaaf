import HTTP
import JSON
import Replication

extension Problem {
    /// The response to an engine's failure. A 503 or 504 may be temporary, so it has `Retry-After`.
    public init(_ failure: StoreFailure) {
        let status = failure.code.httpStatus
        self.init(
            status: status, code: failure.code.rawValue, detail: failure.detail,
            retryAfterS: status == 503 || status == 504 ? 1 : nil)
        if let outcome = failure.outcome { self = with(outcome) }
    }

    public static var noSuchKey: Problem {
        Problem(status: 404, code: "key_not_found", detail: "there is no such key")
    }

    public static func notSupported(_ detail: String) -> Problem { badRequest("not_supported", detail) }

    public func with(_ outcome: Outcome) -> Problem { with("outcome", .string(outcome.rawValue)) }

    public func with(_ headers: [Header]) -> Problem {
        var copy = self
        copy.headers += headers
        return copy
    }
}

extension StoreFailure.Code {
    fileprivate var httpStatus: Int {
        switch self {
        case .noQuorum, .noReplica, .replicasBlank, .rebuilding, .insufficientAcks, .overloaded: 503
        case .badReply, .replicaFull: 503
        case .timeout: 504
        case .preconditionFailed, .tooStale, .sessionUnmet: 412
        case .tooManySiblings: 409
        case .badContext, .badToken: 400
        }
    }
}

extension Response {
    /// A JSON object.
    /// - Parameter capacity: expected length in bytes.
    public static func object(
        status: Int = 200, headers: [Header] = [], capacity: Int = 256, _ members: (inout JSONWriter) -> Void
    ) -> Response {
        var json = JSONWriter(capacity: capacity)
        json.beginObject()
        members(&json)
        json.endObject()
        return .json(json, status: status, headers: headers)
    }
}

/// The members that both services have in their answers.
extension JSONWriter {
    /// An array of objects.
    mutating func objects<Element>(
        _ name: StaticString, of elements: [Element], _ members: (inout JSONWriter, Element) -> Void
    ) {
        key(name)
        beginArray()
        for element in elements {
            beginObject()
            members(&self, element)
            endObject()
        }
        endArray()
    }

    /// `mode` and `key`.
    public mutating func mode(_ mode: ServiceMode, key: Bytes) {
        member("mode", mode.rawValue)
        self.key("key")
        if isValidUTF8(key) {
            string(utf8: key)
        } else {
            base64(key)
            member("key_encoding", "base64")
        }
    }

    /// `value` and `encoding`.
    public mutating func value(_ bytes: Bytes) {
        key("value")
        if isValidUTF8(bytes) {
            string(utf8: bytes)
            member("encoding", "utf-8")
        } else {
            base64(bytes)
            member("encoding", "base64")
        }
    }

    /// `outcome` and `replicas_acked` of a change that is applied.
    public mutating func applied(replicasAcked: Int) {
        member("outcome", Outcome.applied.rawValue)
        member("replicas_acked", replicasAcked)
    }

    public mutating func staleness(ms: Int64?, isStale: Bool) {
        member("staleness_ms", ms)
        member("stale", isStale)
    }
}
