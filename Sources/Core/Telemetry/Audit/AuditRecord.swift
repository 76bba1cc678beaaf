import ByteCoding
import JSON

/// One line of the audit trail: who did what, when, and with which result.
public struct AuditRecord: Sendable, Equatable {
    /// The kind of action. The names are part of the interface.
    public enum Action: String, Sendable {
        case write
        case delete
        /// A request was refused because of its host, origin or token.
        case refuse
        /// An address that had sent wrong tokens sent a valid one.
        case authenticate
        /// The credential files were read again.
        case replaceCredentials = "replace_credentials"
        /// The files of the certificate were read again.
        case replaceCertificate = "replace_certificate"
        case start
        case stop
    }

    public var action: Action
    /// The name of the token, or the address; nil for the operator of this machine.
    public var client: String?
    /// The key that the action is about.
    public var key: Bytes?
    /// For a change: `applied`, `not_applied` or `unknown`. For other actions: `success` or `failure`.
    public var outcome: String
    /// The code of the problem, or the reason of a refusal.
    public var code: String?
    /// The ID of the request's trace (W3C Trace Context); nil if there is no request.
    public var traceID: String?
    /// How many refusals since the last written line got no line of their own.
    public var suppressed = 0

    public init(
        _ action: Action, client: String? = nil, key: Bytes? = nil, outcome: String, code: String? = nil,
        traceID: String? = nil
    ) {
        self.action = action
        self.client = client
        self.key = key
        self.outcome = outcome
        self.code = code
        self.traceID = traceID
    }

    /// A JSON object and a line feed.
    /// - Parameters:
    ///   - time: the time of the action, as in RFC 3339.
    ///   - pseudonym: returns the text that replaces a client or a key; nil to keep them.
    func line(time: String, node: String, pseudonym: ((Bytes) -> String)?) -> Bytes {
        var json = JSONWriter(capacity: 256)
        json.beginObject()
        json.member("ts", time)
        json.member("node", node)
        json.member("action", action.rawValue)
        if let client {
            json.member("client", pseudonym.map { $0(Array(client.utf8)) } ?? client)
        }
        if let key {
            json.key("key")
            if let pseudonym {
                json.string(pseudonym(key))
            } else if isValidUTF8(key) {
                json.string(utf8: key)
            } else {
                json.base64(key)
                json.member("key_encoding", "base64")
            }
        }
        json.member("outcome", outcome)
        if let code { json.member("code", code) }
        if let traceID { json.member("trace_id", traceID) }
        if suppressed > 0 { json.member("suppressed", suppressed) }
        json.endObject()
        return json.line()
    }
}
