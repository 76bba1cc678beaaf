import JSON

/// An error response: `application/problem+json` (RFC 9457) with a stable `code` for clients to branch on.
///
/// ```swift
/// throw Problem(status: 503, code: "no_quorum", detail: "1 of 3 replicas answered", retryAfterS: 1)
///     .with("outcome", .string("not_applied"))
/// ```
public struct Problem: Error, Sendable {
    /// An additional member of the object.
    public enum Member: Sendable, Equatable {
        case string(String)
        case integer(Int64)
        case bool(Bool)
        case null
        /// An array of values; see ``JSONWriter/values(_:)``.
        case values([[UInt8]?])
    }

    public var status: Int
    /// Stable, lower case, with underscores.
    public var code: String
    /// One sentence about this request, for human readers.
    public var detail: String
    public var members: [(name: String, value: Member)]
    public var headers: [Header]

    /// - Parameter retryAfterS: seconds, sent as `Retry-After`.
    public init(status: Int, code: String, detail: String, retryAfterS: Int? = nil) {
        self.status = status
        self.code = code
        self.detail = detail
        members = []
        headers = retryAfterS.map { [Header("Retry-After", String($0))] } ?? []
    }

    public func with(_ name: String, _ value: Member) -> Problem {
        var copy = self
        copy.members.append((name, value))
        return copy
    }

    public var response: Response {
        var response = Response(status: status, contentType: ContentType.problem, headers: headers, body: bytes)
        response.problemCode = code
        return response
    }

    private var bytes: [UInt8] {
        var json = JSONWriter(capacity: 256)
        json.beginObject()
        json.member("type", "about:blank")
        json.member("title", Response.reason(status))
        json.member("status", status)
        json.member("detail", detail)
        json.member("code", code)
        for (name, value) in members {
            json.dynamicKey(name)
            switch value {
            case .string(let text): json.string(text)
            case .integer(let number): json.integer(number)
            case .bool(let flag): json.bool(flag)
            case .null: json.null()
            case .values(let values): json.values(values)
            }
        }
        json.endObject()
        return json.line()
    }

    /// The same object as a ``JSONValue``, for documents.
    public var value: JSONValue {
        var value: JSONValue = [
            "type": "about:blank", "title": .string(Response.reason(status)), "status": .integer(Int64(status)),
            "detail": .string(detail), "code": .string(code),
        ]
        for (name, member) in members {
            value[name] =
                switch member {
                case .string(let text): .string(text)
                case .integer(let number): .integer(number)
                case .bool(let flag): .bool(flag)
                case .null: .null
                case .values(let values):
                    .array(values.map { $0.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null })
                }
        }
        return value
    }
}

extension Problem {
    public static func badRequest(_ code: String, _ detail: String) -> Problem {
        Problem(status: 400, code: code, detail: detail)
    }

    static func badEncoding(_ detail: String) -> Problem {
        badRequest("bad_encoding", detail)
    }

    /// Ignoring a parameter is worse than an error: `ttl` instead of `ttl_ms` would keep a value forever.
    static func unknownParameter(_ name: String, known: [String]) -> Problem {
        let isLong = name.unicodeScalars.count > 64
        let shown = isLong ? String(name.unicodeScalars.prefix(64)) + "…" : name
        let takes = known.isEmpty ? "no parameters" : known.joined(separator: ", ")
        return badRequest("unknown_parameter", "there is no parameter '\(shown)' here; this path takes \(takes)")
    }

    /// Does not list the paths that exist.
    static func notFound(isBelowRoute: Bool) -> Problem {
        let advice = isBelowRoute ? "; a / in a key or value is sent as %2F" : ""
        return Problem(status: 404, code: "not_found", detail: "there is nothing at this path\(advice)")
    }

    static func methodNotAllowed(allow: String) -> Problem {
        var problem = Problem(status: 405, code: "method_not_allowed", detail: "this path takes \(allow)")
        problem.headers = [Header("Allow", allow)]
        return problem
    }

    /// Adds the outcome `not_applied` to a change that did not reach its handler.
    func unhandled(_ method: Method) -> Problem {
        let hasOutcome = method.isSafe || members.contains { $0.name == "outcome" }
        return hasOutcome ? self : with("outcome", .string("not_applied"))
    }

    public static func valueTooLarge(maxBytes: Int) -> Problem {
        Problem(status: 413, code: "value_too_large", detail: "the body is longer than \(maxBytes) bytes")
    }

    public static var rateLimited: Problem {
        Problem(status: 429, code: "rate_limited", detail: "more requests per second than allowed", retryAfterS: 1)
    }

    static func overloaded(_ detail: String) -> Problem {
        unavailable("overloaded", detail)
    }

    public static func unavailable(_ code: String, _ detail: String, retryAfterS: Int = 1) -> Problem {
        Problem(status: 503, code: code, detail: detail, retryAfterS: retryAfterS)
    }

    /// Does not reveal internal details; the cause is logged.
    static var internalError: Problem {
        Problem(status: 500, code: "internal_error", detail: "the request could not be answered")
    }
}
