import JSON
import Testing

@testable import HTTP

/// Endpoints are answered as they are declared.
@Suite(.timeLimit(.minutes(20))) struct EndpointTests {
    private static let limit = Parameter.integer("limit", in: 1...10, example: 5, "The most items.")
    private static let strict = Parameter.flag("strict", "Fail rather than skip.")

    private static var endpoint: Endpoint {
        var endpoint = Endpoint(.get, "/list", operation: "list", Endpoint.Text(id: "list", "Lists items"))
        endpoint.parameters = [limit, strict]
        endpoint.answers = [Answer(200, "Items", headers: [DeclaredHeader("ETag", "Tag.", example: "\"1\"")])]
        endpoint.problems = [DeclaredProblem(Problem(status: 404, code: "no_list", detail: "there is no list"))]
        return endpoint
    }

    private static func router() -> Router {
        let router = Router()
        router.add(endpoint) { request in
            let count = try limit.integer(of: request) ?? 7
            return Response(headers: [Header("ETag", "\"\(count)\"")], body: try strict.flag(of: request) ? [1] : [0])
        }
        return router
    }

    private static func ask(_ target: String) async -> Response {
        await router().respond(to: Request(method: .get, target: target))
    }

    @Test func aNumberIsAcceptedWithinItsBounds() async {
        for (text, tag) in [("", "7"), ("?limit=1", "1"), ("?limit=10", "10")] {
            #expect(await Self.ask("/list\(text)").headers == [Header("ETag", "\"\(tag)\"")])
        }
        for text in ["0", "11", "-1", "+1", "", "1.0", "ten", "99999999999999999999"] {
            let response = await Self.ask("/list?limit=\(text)")
            #expect(response.status == 400)
            #expect(response.problemCode == "bad_limit")
        }
    }

    @Test func aFlagIsTrueOrFalse() async {
        for (text, byte) in [("", 0), ("?strict=false", 0), ("?strict=true", 1)] as [(String, UInt8)] {
            #expect(await Self.ask("/list\(text)").body == [byte])
        }
        #expect(await Self.ask("/list?strict=1").problemCode == "bad_strict")
    }

    @Test func onlyDeclaredQueryParametersAreAccepted() async {
        #expect(await Self.ask("/list?limits=1").problemCode == "unknown_parameter")
    }

    @Test func anAnswerIsDeclaredWithItsStatusCodeAndFields() {
        let router = Self.router()
        let endpoint = Self.endpoint
        #expect(router.declares(Response(headers: [Header("ETag", "\"1\"")]), at: endpoint))
        #expect(!router.declares(Response(headers: [Header("X-New", "1")]), at: endpoint))
        #expect(!router.declares(Response(status: 201), at: endpoint))
        #expect(router.declares(Problem(status: 404, code: "no_list", detail: "").response, at: endpoint))
        #expect(!router.declares(Problem(status: 404, code: "no_item", detail: "").response, at: endpoint))
        #expect(router.declares(Problem.valueTooLarge(maxBytes: 1).response, at: endpoint), "by the server")
        #expect(router.declares(Problem.overloaded("").response, at: endpoint))
    }

    @Test func headIsDeclaredWithoutABody() {
        let operations = Self.router().operations
        #expect(operations.map(\.method) == [.get, .head])
        #expect(operations.map(\.text.id) == ["list", "listHead"])
    }
}
