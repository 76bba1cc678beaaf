import HTTP
import JSON

extension KeyValueEndpoints {
    struct Endpoints {
        var write: Endpoint
        var writeInPath: Endpoint
        var read: Endpoint
        var delete: Endpoint
    }

    /// - Parameter service: the parts that the service adds.
    static func endpoints(_ service: KeyValueDeclaration, maxValueBytes: Int) -> Endpoints {
        let always: [Problem] = [
            .badKey(byteCount: 0), .rateLimited, .tooManyLargeValues, .notSupported("the other service has this field"),
        ]
        let changes: [Problem] = [.unsupportedEncoding, .partialValue, .valueTooLarge(maxBytes: maxValueBytes)]
        func endpoint(
            _ method: Method, _ pattern: String, _ operation: String, _ text: Endpoint.Text, _ path: [Parameter],
            _ query: [Parameter], _ part: KeyValueDeclaration.Part, _ problems: [Problem]
        ) -> Endpoint {
            var endpoint = Endpoint(method, pattern, operation: operation, text)
            endpoint.parameters = path + query + part.parameters
            endpoint.answers = part.answers
            endpoint.problems = part.problems + (always + problems).map(DeclaredProblem.of)
            endpoint.scope = method == .get ? .read : .write
            return endpoint
        }
        let key = KeyValueParameters.key
        var write = endpoint(
            .post, "/write/{key}", "write", Endpoint.Text(id: "write", "Writes the value in the body"), [key],
            [KeyValueParameters.ttlMs], service.write, changes)
        write.maxBodyBytes = maxValueBytes
        write.body = Endpoint.Body("The value, byte for byte; at most \(maxValueBytes) bytes.", example: "ada")
        var inPath = endpoint(
            .post, "/write/{key}/{value}", "write", Endpoint.Text(id: "writeInPath", "Writes the value in the path"),
            [key, KeyValueParameters.value], [KeyValueParameters.ttlMs], service.write,
            changes + [.emptyPathValue, .twoValues, .badPath])
        inPath.maxBodyBytes = maxValueBytes
        let read = endpoint(
            .get, "/read/{key}", "read",
            Endpoint.Text(
                id: "read", "Reads a value",
                details: "As JSON, or as bare bytes with `Accept: application/octet-stream`."),
            [key], [], service.read, [])
        let delete = endpoint(
            .delete, "/delete/{key}", "delete", Endpoint.Text(id: "delete", "Deletes a value"), [key], [],
            service.delete, [])
        return Endpoints(write: write, writeInPath: inPath, read: read, delete: delete)
    }
}

extension DeclaredProblem {
    /// Declares a problem with its header fields, all of which are required.
    fileprivate static func of(_ problem: Problem) -> DeclaredProblem {
        let own = problem.headers.filter { $0.name != "Retry-After" }
        return DeclaredProblem(
            problem,
            headers: own.map {
                DeclaredHeader($0.name, "The content codings that the service accepts.", example: .string($0.value))
            })
    }
}

extension Problem {
    static var emptyPathValue: Problem {
        badRequest(
            "ambiguous_value",
            "the path ends in /: omit it to send the value in the body; a / in a key is sent as %2F")
    }

    static var twoValues: Problem {
        badRequest(
            "ambiguous_value", "give the value in the path or in the body, not in both; a / in a key is sent as %2F")
    }

    static var partialValue: Problem { notSupported("a value is sent as a whole, without Content-Range") }

    static var unsupportedEncoding: Problem {
        Problem(
            status: 415, code: "unsupported_encoding",
            detail: "a value is stored as it is sent, so it must not have a Content-Encoding"
        ).with([Header("Accept-Encoding", "identity")])
    }

    static var badPath: Problem { badRequest("bad_encoding", "the path is not valid percent-encoding") }

    static var tooManyLargeValues: Problem {
        unavailable("overloaded", "too many requests with large values are waiting")
    }

    static func badKey(_ detail: String) -> Problem { badRequest("bad_key", detail) }

    static func badKey(byteCount: Int) -> Problem {
        let problem = byteCount == 0 ? "empty" : "\(byteCount) bytes long"
        return badKey("a key has 1 to \(KeyValueParameters.maxKeyBytes) bytes; this one is \(problem)")
    }
}
