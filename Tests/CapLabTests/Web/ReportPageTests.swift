import Crypto
import Foundation
import Testing

@testable import CapLab

@Suite struct ReportPageTests {
    private func page(_ recording: String = #"{"format":1}"#) -> String {
        String(decoding: ReportPage.html(recording: Array(recording.utf8)), as: UTF8.self)
    }

    /// The content of the elements that begin with `tag`.
    private func contents(_ page: String, _ tag: String, end: String) -> [String] {
        page.split(separator: tag, omittingEmptySubsequences: false).dropFirst().map {
            String($0.prefix(upTo: $0.firstRange(of: end)?.lowerBound ?? $0.endIndex))
        }
    }

    private func nonce(_ page: String) throws -> String {
        let nonces = contents(page, "'nonce-", end: "'")
        return try #require(nonces.first)
    }

    /// The code of the script with this type that the policy allows.
    private func script(_ page: String, type: String) throws -> String? {
        let nonce = try nonce(page)
        return contents(page, "<script type=\"\(type)\" nonce=\"\(nonce)\">", end: "</script>").first
    }

    private func importMap(_ page: String) throws -> [String: String] {
        struct Map: Decodable { let imports: [String: String] }
        let text = try #require(try script(page, type: "importmap"))
        return try JSONDecoder().decode(Map.self, from: Data(text.utf8)).imports
    }

    private func modules(_ page: String) throws -> [String: String] {
        try importMap(page).mapValues { url in
            let data = try #require(Data(base64Encoded: String(url.dropFirst("data:text/javascript;base64,".count))))
            return String(decoding: data, as: UTF8.self)
        }
    }

    @Test func everyStyleAndModuleIsInTheFile() throws {
        let page = page(), modules = try modules(page)
        #expect(Set(modules.keys) == Set(PageFiles.all.keys.filter { $0.hasSuffix(".mjs") }.map { "lab/\($0)" }))
        #expect(contents(page, "<style>", end: "</style>").count == PageFiles.all.keys.count { $0.hasSuffix(".css") })
        for reference in ["<link rel=\"stylesheet\"", "src=", "/page/", "http://", "https://"] {
            #expect(!page.contains(reference), "the page refers to \(reference)")
        }
    }

    @Test func everyImportNamesAModuleOfTheMap() throws {
        let modules = try modules(page())
        for (name, code) in modules {
            let imports = code.matches(of: #/from '([^']*)';/#).map { String($0.1) }
            for target in imports { #expect(modules[target] != nil, "\(name) imports \(target)") }
        }
        #expect(try #require(modules["lab/main.mjs"]).contains("from 'lab/events.mjs'"))
    }

    @Test func thePolicyAllowsExactlyTheScriptsAndStylesInside() throws {
        let page = page()
        let policy = try #require(contents(page, #"Content-Security-Policy" content=""#, end: "\"").first)
        #expect(policy.hasPrefix("default-src 'none';"))
        #expect(!policy.contains("unsafe"))
        // The policy allows only scripts with the nonce, whatever their content is.
        let nonce = try nonce(page)
        #expect(policy.contains("; script-src 'nonce-\(nonce)'; "))
        for type in ["importmap", "module"] {
            let code = try script(page, type: type)
            #expect(code != nil)
        }
        for text in contents(page, "<style>", end: "</style>") {
            let hash = Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
            #expect(policy.contains("'sha256-\(hash)'"))
        }
    }

    @Test func anotherRecordingHasAnotherNonce() throws {
        let (one, same, other) = (try nonce(page("{}")), try nonce(page("{}")), try nonce(page("{ }")))
        #expect(one == same)
        #expect(one != other)
    }

    @Test func aRecordingCannotLeaveItsElement() throws {
        let recording = #"{"value":"</script><script>alert(1)</script><!--<script>","more":"a<b"}"#
        let page = page(recording)
        let text = try #require(
            contents(page, #"<script type="application/json" id="recording">"#, end: "</script>").first)
        #expect(!text.contains("<"))
        #expect(
            try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
                == JSONDecoder().decode([String: String].self, from: Data(recording.utf8)))
        #expect(page.hasSuffix("</script>\n</body>\n</html>\n"))
    }

    @Test func aReportHasNoTokenAndALivePageNoRecording() {
        #expect(page().contains(#"<meta name="lab-token" content="">"#))
        #expect(!String(decoding: PageFiles.index(token: "secret"), as: UTF8.self).contains(#"id="recording""#))
    }
}
