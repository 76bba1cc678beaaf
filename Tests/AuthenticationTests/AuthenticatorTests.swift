import HTTP
import Testing

@testable import Authentication

@Suite(.timeLimit(.minutes(20))) struct AuthenticatorTests {
    private let address = ClientAddress(network: 1)

    /// The wall clock, in seconds since 1970.
    private final class Clock {
        var nowS = TokenMaker.nowS
    }

    private func credentials(_ tokens: [String: Set<Scope>], keys: JWTKeys = .none) throws -> Credentials {
        let lines = tokens.map { TokenList.line(name: $0.key, scopes: $0.value, token: $0.key) }
        return Credentials(
            tokens: try TokenList(parsing: Array((lines.joined(separator: "\n") + "\n").utf8)), keys: keys,
            rules: TokenMaker.rules)
    }

    @Test func aKnownTokenNamesItsOwner() throws {
        let authenticator = Authenticator(try credentials(["alice": [.read]])) { 0 }
        for text in ["Bearer alice", "bearer  alice", "BEARER alice"] {
            #expect(
                authenticator.authenticate(text, from: address, atNs: 0)
                    == .principal(Principal(name: "alice", scopes: [.read])))
        }
        #expect(authenticator.authenticate(nil, from: address, atNs: 0) == .missing)
    }

    @Test(arguments: [
        "", "alice", "Basic alice", "Bearer", "Bearer ", "Bearer alice alice", "Bearer alic", "Bearer alicE",
    ])
    func anythingElseIsRejected(text: String) throws {
        let authenticator = Authenticator(try credentials(["alice": [.read]])) { 0 }
        guard case .rejected = authenticator.authenticate(text, from: address, atNs: 0) else {
            Issue.record("accepted")
            return
        }
    }

    @Test func aRemovedTokenIsRejectedAtOnce() throws {
        let authenticator = Authenticator(try credentials(["alice": [.read], "bob": [.read]])) { 0 }
        _ = authenticator.authenticate("Bearer alice", from: address, atNs: 0)
        authenticator.replace(try credentials(["bob": [.write]]))
        #expect(authenticator.authenticate("Bearer alice", from: address, atNs: 0) == .rejected(reason: "is not known"))
        #expect(
            authenticator.authenticate("Bearer bob", from: address, atNs: 0)
                == .principal(Principal(name: "bob", scopes: [.write])))
    }

    @Test func aVerifiedTokenIsRejectedWhenItExpires() async throws {
        let clock = Clock()
        let authenticator = Authenticator(try credentials([:], keys: try await TokenMaker.keys(.es256))) { clock.nowS }
        let token = "Bearer " + (try await TokenMaker.token(.es256))
        for _ in 1...2 {
            guard case .principal = authenticator.authenticate(token, from: address, atNs: 0) else {
                Issue.record("rejected")
                return
            }
        }
        clock.nowS += 60
        #expect(authenticator.authenticate(token, from: address, atNs: 0) == .rejected(reason: "is expired"))
    }

    @Test func wrongTokensOfOneAddressAreNotVerifiedWithoutEnd() async throws {
        let authenticator = Authenticator(try credentials(["alice": [.read]], keys: try await TokenMaker.keys(.hs256)))
        {
            TokenMaker.nowS
        }
        let good = try await TokenMaker.token(.hs256)
        var answers: [Authenticator.Answer] = []
        for index in 0..<1_000 {
            answers.append(authenticator.authenticate("Bearer \(good)\(index)", from: address, atNs: 0))
        }
        #expect(answers.contains(.throttled))
        #expect(authenticator.authenticate("Bearer \(good)", from: address, atNs: 0) == .throttled)
        let other = ClientAddress(network: 2)
        guard case .principal = authenticator.authenticate("Bearer \(good)", from: other, atNs: 0) else {
            Issue.record("another address is affected")
            return
        }
        // Tokens of the list need no signature check, so they are not throttled.
        #expect(
            authenticator.authenticate("Bearer alice", from: address, atNs: 0)
                == .principal(Principal(name: "alice", scopes: [.read])))
        let later: UInt64 = 1_000_000_000
        #expect(authenticator.authenticate("Bearer x", from: address, atNs: later) == .rejected(reason: "is not known"))
    }

    @Test func verifiedTokensAreBounded() throws {
        let names = (0..<20).map { "name\($0)" }
        let all = try credentials(Dictionary(uniqueKeysWithValues: names.map { ($0, [.read]) }))
        let authenticator = Authenticator(all, maxVerified: 3) { 0 }
        for name in names {
            for text in ["Bearer \(name)", "bearer   \(name)"] {
                #expect(
                    authenticator.authenticate(text, from: address, atNs: 0)
                        == .principal(Principal(name: name, scopes: [.read])))
            }
        }
        #expect(authenticator.verifiedCount == 3)
    }
}
