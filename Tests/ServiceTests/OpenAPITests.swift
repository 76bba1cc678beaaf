import Authentication
import Foundation
import HTTP
import JSON
import Logging
import Replication
import Testing

@testable import AppAP
@testable import AppCP
@testable import Service

/// The declarations of both services, from which their OpenAPI documents are made. `make test-openapi` compares the
/// documents with running services.
@Suite(.timeLimit(.minutes(20))) struct OpenAPITests {
    /// Codes of answers that belong to no endpoint.
    private static let withoutEndpoint: Set<String> = ["not_found", "method_not_allowed", "tls_required"]

    private static func router(_ mode: ServiceMode, authenticated: Bool = true) throws -> Router {
        let settings = try serviceSettings(mode)
        let router = Router()
        let reports = AccessReports(
            metrics: ServiceMetrics(settings), logger: Logger(label: "test"), audit: nil
        ) { 0 }
        let tokens = try TokenList(parsing: Array((TokenList.line(name: "a", scopes: [.read], token: "a") + "\n").utf8))
        router.policy = AccessControl(
            settings.access, serviceName: "app",
            authenticator: authenticated ? Authenticator(Credentials(tokens: tokens)) { 0 } : nil, reports: reports)
        let isCP = mode == .cp
        let keyValue = KeyValueEndpoints.endpoints(
            isCP ? ConsistentDeclarations.keyValue : AvailableDeclarations.keyValue, maxValueBytes: 1_000)
        let operations = OperationsDeclarations(
            mode: mode, service: isCP ? ConsistentDeclarations.service : AvailableDeclarations.service)
        let endpoints =
            [keyValue.write, keyValue.writeInPath, keyValue.read, keyValue.delete]
            + [operations.live, operations.ready(isPublic: authenticated), operations.health, operations.metrics]
            + [operations.breakers, operations.replicas] + (isCP ? [] : [AvailableDeclarations.conflictPage])
        for endpoint in endpoints { router.add(endpoint) { _ in .text("") } }
        return router
    }

    private static func codes(_ router: Router) -> Set<String> {
        Set(router.operations.flatMap { router.problems(at: $0) }.map(\.code))
    }

    /// Every code that a source file gives to a problem.
    private static func codesOfSources() throws -> Set<String> {
        var codes = Set(StoreFailure.Code.allCases.map(\.rawValue))
        for folder in ["Sources/Core/HTTP", "Sources/Core/Service", "Sources/AppCP", "Sources/AppAP"] {
            let files = FileManager.default.enumerator(
                at: repositoryURL.appendingPathComponent(folder), includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                guard file.pathExtension == "swift" else { continue }
                // Without comments, which have examples.
                let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
                let text = lines.filter { !$0.contains(/^ *\/\//) }.joined(separator: "\n")
                let found = text.matches(of: #/(?:code: |(?:badRequest|unavailable)\(\s*)"([a-z_]+)"/#)
                codes.formUnion(found.map { String($0.1) })
            }
        }
        return codes
    }

    @Test func everyCodeIsDeclaredAndEveryDeclaredCodeIsSent() throws {
        let declared = try Self.codes(Self.router(.cp)).union(Self.codes(Self.router(.ap)))
        let sent = try Self.codesOfSources().subtracting(Self.withoutEndpoint)
        #expect(sent.subtracting(declared) == [])
        // The codes of bad parameters are made from their names.
        #expect(
            declared.subtracting(sent) == ["bad_ttl_ms", "bad_max_staleness_ms", "bad_require_session", "bad_limit"])
    }

    @Test(arguments: [ServiceMode.cp, .ap])
    func operationsHaveDifferentNamesAndAnswers(mode: ServiceMode) throws {
        let operations = try Self.router(mode).operations
        #expect(Set(operations.map(\.text.id)).count == operations.count)
        for operation in operations { #expect(!operation.answers.isEmpty, "\(operation.pattern)") }
    }

    @Test func onlyAServiceWithTokensHasASecurityScheme() throws {
        for authenticated in [true, false] {
            let router = try Self.router(.cp, authenticated: authenticated)
            let document = OpenAPIDocument(of: router, isAuthenticated: authenticated).value(
                serviceName: "app-cp", summary: "A test.")
            #expect((document["components"]?["securitySchemes"] != nil) == authenticated)
            let read = document["paths"]?["/read/{key}"]?["get"]
            #expect(read?["security"] == (authenticated ? [["bearer": ["read"]]] : nil))
            #expect((read?["responses"]?["401"] != nil) == authenticated)
            #expect(document["paths"]?["/health/live"]?["get"]?["security"] == nil)
        }
    }

    @Test func theDocumentNamesExactlyTheParametersOfEachService() throws {
        func query(_ mode: ServiceMode) throws -> [String] {
            let document = OpenAPIDocument(of: try Self.router(mode), isAuthenticated: false).value(
                serviceName: "app", summary: "A test.")
            guard case .array(let parameters) = document["paths"]?["/read/{key}"]?["get"]?["parameters"] else {
                return []
            }
            return parameters.filter { $0["in"] == "query" }.compactMap {
                guard case .string(let name) = $0["name"] else { return nil }
                return name
            }
        }
        #expect(try query(.cp) == [])
        #expect(try query(.ap) == ["max_staleness_ms", "require_session"])
    }
}
