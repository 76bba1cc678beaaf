import Foundation
import HTTP
import Testing

@testable import CapLab

@Suite struct PageGuardTests {
    private let guardian = PageGuard(port: 5_000, token: "secret")

    private func request(_ method: HTTP.Method = .get, _ headers: [(String, String)]) -> Request {
        Request(method: method, target: "/", headers: headers.map { Header($0.0, $0.1) })
    }

    private func code(_ request: Request, _ guardian: PageGuard? = nil) -> String? {
        do throws(Problem) {
            try (guardian ?? self.guardian).check(request)
            return nil
        } catch { return "\(error.status) \(error.code)" }
    }

    @Test(arguments: ["127.0.0.1:5000", "localhost:5000", "LocalHost:5000", "[::1]:5000"])
    func thePageIsServedUnderTheNamesOfThisMachine(host: String) {
        #expect(code(request(.get, [("Host", host)])) == nil)
        #expect(code(request(.get, [("Host", host), ("Origin", "http://\(host)")])) == nil)
    }

    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:5001", "example.org:5000", "localhost.example.org:5000", "10.0.0.1:5000", "",
        "127.0.0.1:5000, example.org",
    ])
    func anyOtherHostIsMisdirected(host: String) {
        #expect(code(request(.get, [("Host", host)])) == "421 unknown_host")
    }

    @Test func aRequestWithoutAHostIsMisdirected() {
        #expect(code(request(.get, [])) == "421 unknown_host")
    }

    @Test(arguments: [
        "null", "http://example.org", "https://127.0.0.1:5000", "http://127.0.0.1", "http://127.0.0.1:5001",
        "http://localhost:5000", "",
    ])
    func otherOriginsAreRejected(origin: String) {
        #expect(code(request(.get, [("Host", "127.0.0.1:5000"), ("Origin", origin)])) == "403 cross_origin")
    }

    @Test func otherPagesMayLinkToThePageAndNothingElse() {
        let headers = [Header("Host", "127.0.0.1:5000"), Header("Sec-Fetch-Site", "cross-site")]
        #expect(code(Request(method: .get, target: "/", headers: headers)) == nil)
        #expect(code(Request(method: .get, target: "/events", headers: headers)) == "403 cross_origin")
    }

    @Test func browsersLeaveOutTheDefaultPort() {
        let guardian = PageGuard(port: 80, token: nil)
        #expect(code(request(.get, [("Host", "127.0.0.1")]), guardian) == nil)
    }

    @Test func anActionNeedsTheTokenAndJSON() {
        let host = ("Host", "127.0.0.1:5000")
        let type = ("Content-Type", "application/json")
        #expect(code(request(.post, [host, type])) == "403 bad_token")
        #expect(code(request(.post, [host, type, ("X-Lab-Token", "")])) == "403 bad_token")
        #expect(code(request(.post, [host, type, ("X-Lab-Token", "secres")])) == "403 bad_token")
        #expect(code(request(.post, [host, type, ("X-Lab-Token", "secrets")])) == "403 bad_token")
        let token = ("X-Lab-Token", "secret")
        #expect(code(request(.post, [host, type, token])) == nil)
        #expect(code(request(.post, [host, token, ("Content-Type", "Application/JSON; charset=utf-8")])) == nil)
        #expect(code(request(.post, [host, token])) == "415 not_json")
        #expect(code(request(.post, [host, token, ("Content-Type", "text/plain")])) == "415 not_json")
        #expect(
            code(request(.post, [host, type, token, ("Origin", "http://example.org")])) == "403 cross_origin")
    }

    @Test func withoutATokenNoActionIsAccepted() {
        let readOnly = PageGuard(port: 5_000, token: nil)
        let headers = [("Host", "127.0.0.1:5000"), ("Content-Type", "application/json"), ("X-Lab-Token", "")]
        #expect(code(request(.post, headers), readOnly) == "403 read_only")
        #expect(code(request(.get, headers), readOnly) == nil)
    }

    /// The chosen key changes only what the page reads. Another web page must not choose it: JSON needs a CORS
    /// preflight.
    @Test func theKeyOfAReadOnlyPageMayBeChosen() {
        let readOnly = PageGuard(port: 5_000, token: nil)
        func post(_ headers: [(String, String)]) -> String? {
            let headers = [Header("Host", "127.0.0.1:5000")] + headers.map { Header($0.0, $0.1) }
            return code(Request(method: .post, target: "/key", headers: headers), readOnly)
        }
        let type = ("Content-Type", "application/json")
        #expect(post([type]) == nil)
        #expect(post([type, ("Origin", "http://127.0.0.1:5000")]) == nil)
        #expect(post([("Content-Type", "text/plain")]) == "415 not_json")
        #expect(post([type, ("Origin", "http://example.org")]) == "403 cross_origin")
        #expect(post([type, ("Sec-Fetch-Site", "cross-site")]) == "403 cross_origin")
    }

    @Test func aContainersPageIsServedUnderItsPublishedPort() {
        let container = PageGuard(port: 5_000, publishedPort: 15_000, token: nil)
        #expect(code(request(.get, [("Host", "127.0.0.1:15000")]), container) == nil)
        // The health check within the container.
        #expect(code(request(.get, [("Host", "localhost:5000")]), container) == nil)
        #expect(code(request(.get, [("Host", "lab:5000")]), container) == "421 unknown_host")
        #expect(
            code(request(.get, [("Host", "127.0.0.1:15000"), ("Origin", "http://127.0.0.1:5000")]), container)
                == "403 cross_origin")
    }

    @Test func theVersionIsThatOfTheServices() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../Sources/Core/Service/Lifecycle/CommandLine.swift")
        #expect(try String(contentsOf: sources, encoding: .utf8).contains(#"current = "\#(LabPage.version)""#))
    }

    @Test func theTokenIsInThePageAndAReadOnlyPageHasNone() {
        let page = String(decoding: PageFiles.index(token: "abc"), as: UTF8.self)
        #expect(page.contains(#"<meta name="lab-token" content="abc">"#))
        let readOnly = String(decoding: PageFiles.index(token: nil), as: UTF8.self)
        #expect(readOnly.contains(#"<meta name="lab-token" content="">"#))
    }
}
