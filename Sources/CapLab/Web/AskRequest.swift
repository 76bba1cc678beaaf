import ByteCoding
import FoundationEssentials
import HTTP

/// One request that the page or its load generator sends to a service.
struct AskRequest: Equatable, Sendable {
    /// The longest key that the services accept.
    static let maxKeyBytes = 512
    /// The longest value. It fits into a request line together with a key, even if both are percent-encoded.
    static let maxValueBytes = 1_000
    static let maxContextBytes = 2_000

    let service: String
    let op: AnswerEvent.Operation
    let key: String
    var value: String?
    /// For a compare-and-set: the version that the key must have. Nil means that the key must not exist.
    var version: String?
    /// For a change at an AP service: the version of the read whose values it replaces.
    var context: String?
    /// For a write: how long the value lives, in milliseconds.
    var ttlMs: UInt64?

    var isChange: Bool { op != .read }

    var request: HTTPRequest {
        let keyPath = PercentEncoding.encode(Bytes(key.utf8))
        switch op {
        case .read: return HTTPRequest(path: "/read/\(keyPath)")
        case .delete: return HTTPRequest(method: "DELETE", path: "/delete/\(keyPath)", headers: contextHeader)
        case .write: return HTTPRequest(method: "POST", path: writePath(keyPath), headers: contextHeader)
        case .cas:
            let match = version.map { (name: "If-Match", value: "\"\($0)\"") }
            let condition = match ?? (name: "If-None-Match", value: "*")
            return HTTPRequest(method: "POST", path: writePath(keyPath), headers: [condition])
        }
    }

    private var contextHeader: [(name: String, value: String)] {
        context.map { [(name: "X-Context", value: $0)] } ?? []
    }

    /// The path of a write. An empty value is sent as an empty body instead.
    private func writePath(_ keyPath: String) -> String {
        let value = PercentEncoding.encode(Bytes((value ?? "").utf8))
        let query = ttlMs.map { "?ttl_ms=\($0)" } ?? ""
        return (value.isEmpty ? "/write/\(keyPath)" : "/write/\(keyPath)/\(value)") + query
    }

    /// The curl command that sends the same request. Only its header fields need quotes, because ``request`` encodes
    /// all other parts.
    func curl(_ target: CurlTarget) -> String {
        let request = request
        let method = request.method == "GET" ? "" : "-X \(request.method) "
        let headers = request.headers.map { "-H '\($0.name): \($0.value)' " }.joined()
        return "curl \(target.option)\(method)\(headers)\(target.url)\(request.path)"
    }
}

extension AskRequest {
    private struct Body: Decodable {
        let service: String
        let op: String
        let key: String
        let value: String?
        let version: String?
        let context: String?
    }

    /// Parses the body of `/ask`.
    /// - Throws: 400 `bad_json`, `unknown_service`, `bad_op`, `bad_key`, `bad_value`, `bad_version`, `bad_context`.
    init(json: [UInt8], topology: Topology) throws(Problem) {
        let body: Body = try decodeBody(json)
        guard topology.services.contains(where: { $0.name == body.service }) else {
            let names = topology.services.map(\.name).joined(separator: ", ")
            throw .badRequest("unknown_service", "there is no service '\(body.service.prefix(64))'; valid: \(names)")
        }
        guard let op = AnswerEvent.Operation(rawValue: body.op) else {
            throw .badRequest("bad_op", "op is read, write, delete or cas")
        }
        guard (1...Self.maxKeyBytes).contains(body.key.utf8.count) else {
            throw .badRequest("bad_key", "a key has 1 to \(Self.maxKeyBytes) bytes")
        }
        let hasValue = op == .write || op == .cas
        guard hasValue == (body.value != nil), body.value?.utf8.count ?? 0 <= Self.maxValueBytes else {
            throw .badRequest(
                "bad_value", "write and cas have a value of at most \(Self.maxValueBytes) bytes, others have none")
        }
        guard body.version == nil || (op == .cas && body.version.flatMap { UInt64($0) } != nil) else {
            throw .badRequest("bad_version", "version is for cas, and is a whole number as a string")
        }
        guard body.context == nil || (op == .write || op == .delete) && body.context.map(Self.isContext) == true else {
            throw .badRequest("bad_context", "context is the version of an AP read, for write and delete")
        }
        self.init(
            service: body.service, op: op, key: body.key, value: body.value, version: body.version,
            context: body.context)
    }

    /// True if the text is a header value that needs no escaping within a shell's single quotes.
    private static func isContext(_ text: String) -> Bool {
        (1...maxContextBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "'") }
    }
}

/// Decodes the body of an action.
/// - Throws: 400 `bad_json`.
func decodeBody<Body: Decodable>(_ json: [UInt8]) throws(Problem) -> Body {
    do {
        return try JSONDecoder().decode(Body.self, from: Data(json))
    } catch let DecodingError.keyNotFound(key, _) {
        throw .badRequest("bad_json", "the member '\(key.stringValue)' is missing")
    } catch let DecodingError.typeMismatch(_, context) {
        throw .badRequest("bad_json", "'\(path(context))' has the wrong type")
    } catch let DecodingError.valueNotFound(_, context) {
        throw .badRequest("bad_json", "'\(path(context))' must not be null")
    } catch let DecodingError.dataCorrupted(context) where !context.codingPath.isEmpty {
        throw .badRequest("bad_json", "'\(path(context))' has no valid value")
    } catch {
        throw .badRequest("bad_json", "the body is not a JSON object")
    }
}

private func path(_ context: DecodingError.Context) -> String {
    String(context.codingPath.map(\.stringValue).joined(separator: ".").prefix(64))
}
