import HTTP
import Testing

@testable import Authentication

@Suite struct TokenListTests {
    private func list(_ lines: String...) throws(CredentialsError) -> TokenList {
        try TokenList(parsing: Array((lines.joined(separator: "\n") + "\n").utf8))
    }

    @Test func aTokenIsFoundByItsDigest() throws {
        var random = SystemRandomNumberGenerator()
        let token = AccessToken.make(using: &random)
        let line = TokenList.line(
            name: "orders", scopes: [.read, .write], token: token, keyPrefix: Array("orders/".utf8))
        #expect(!line.contains(token))
        let list = try list("# who", "", line)
        let principal = try #require(list.principal(of: token))
        #expect(principal == Principal(name: "orders", scopes: [.read, .write], keyPrefix: Array("orders/".utf8)))
        #expect(list.principal(of: token + "x") == nil)
        #expect(list.principal(of: token.dropLast()) == nil)
    }

    @Test func tokensDiffer() {
        var random = SystemRandomNumberGenerator()
        let tokens = (0..<100).map { _ in AccessToken.make(using: &random) }
        #expect(Set(tokens).count == 100)
        #expect(tokens.allSatisfy { $0.hasPrefix("cap_") && $0.utf8.count == 47 })
    }

    @Test func aNameMayHaveSeveralTokens() throws {
        let list = try list(
            TokenList.line(name: "a", scopes: [.read], token: "old"),
            TokenList.line(name: "a", scopes: [.read], token: "new"))
        #expect(list.principal(of: "old")?.name == "a")
        #expect(list.principal(of: "new")?.name == "a")
    }

    @Test(arguments: [
        "a", "a read", "a read sha256:", "a read md5:00", "a read sha256:zz", "a\u{7} read sha256:00",
        "a read,execute sha256:\(String(repeating: "0", count: 64))",
        "a read, sha256:\(String(repeating: "0", count: 64))",
        "a read sha256:\(String(repeating: "0", count: 63))g",
        "a read sha256:\(String(repeating: "+0", count: 32))",
        "a read sha256:\(String(repeating: "0", count: 64)) prefix=x",
        "a read sha256:\(String(repeating: "0", count: 64)) key-prefix=%zz",
        "a read sha256:\(String(repeating: "0", count: 64)) key-prefix=",
        "a read sha256:\(String(repeating: "0", count: 64)) key-prefix=a b",
    ])
    func anInvalidLineIsNamedByItsNumberOnly(line: String) {
        let error = #expect(throws: CredentialsError.self) { try list("# first", line) }
        #expect(error?.description.hasPrefix("line 2 ") == true)
        #expect(error?.description.contains("000") != true)
    }

    @Test func theSameTokenTwiceIsAMistake() {
        let line = TokenList.line(name: "a", scopes: [.read], token: "t")
        #expect(throws: CredentialsError("line 2 has the same token as an earlier line")) { try list(line, line) }
    }

    /// A service may read the file while it is being written. For example, the key prefix may be missing or incomplete.
    @Test func aFileThatIsCutIsRejected() throws {
        let line = TokenList.line(name: "a", scopes: [.read], token: "t", keyPrefix: Array("orders/".utf8))
        let whole = Array((line + "\n").utf8)
        for count in 0..<whole.count {
            #expect(throws: CredentialsError.self) { try TokenList(parsing: Array(whole.prefix(count))) }
        }
        #expect(try TokenList(parsing: whole).principal(of: "t")?.keyPrefix == Array("orders/".utf8))
    }

    @Test func thereAreBounds() {
        let lines = (0...TokenList.maxTokens).map { TokenList.line(name: "a", scopes: [.read], token: "\($0)") + "\n" }
        #expect(throws: CredentialsError("has more than 1000 tokens")) {
            try TokenList(parsing: Array(lines.joined().utf8))
        }
        #expect(throws: CredentialsError.self) { try TokenList(parsing: [0xFF, 0xFE, 0x0A]) }
    }
}
