import Foundation
import HTTP

@testable import Authentication

/// The file of tokens, and the `Authorization` field.
struct TokensTarget: FuzzTarget {
    private static let token = "cap_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
    private static let line = TokenList.line(name: "known", scopes: [.read], token: token)

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        switch input.below(3) {
        case 0: try checkFile(input.remainder())
        case 1: try checkLine(&input)
        default: try checkField(input.remainder())
        }
    }

    /// An error contains no part of the file: all of them are sentences of the program, apart from numbers.
    private func checkFile(_ bytes: [UInt8]) throws(Finding) {
        switch Result(catching: { () throws(CredentialsError) in try TokenList(parsing: bytes) }) {
        case .success(let list):
            try require(bytes.last == UInt8(ascii: "\n"), "a file that is cut is accepted")
            try require(list.principal(of: Self.token) == nil, "a token is known that no line has")
        case .failure(let error):
            let sentence = error.description.filter { !$0.isNumber }
            try require(Self.sentences.contains(sentence), "an error that is no sentence of this program: \(sentence)")
        }
    }

    private static let sentences: Set<String> = Set(
        [
            "does not end with a line feed", "is not UTF-8 text", "has more than 1000 tokens",
            "line 1 has the same token as an earlier line", "line 1 is not: name scopes sha256:digest [key-prefix=…]",
            "line 1 has a name that is not a letter and up to 63 letters, digits, '.', '_' or '-'",
            "line 1 has the scope admin, which is for all keys, and a key-prefix",
            "line 1 has a scope that is none of read, write, admin, metrics",
            "line 1 has no digest: sha256: and 64 hexadecimal digits",
            "line 1 has a fourth field that is not key-prefix= and a percent-encoded text",
        ].map { $0.filter { !$0.isNumber } })

    /// A line that the program wrote is read back as what it was.
    private func checkLine(_ input: inout FuzzInput) throws(Finding) {
        let bits = input.byte()
        let scopes = Set(Scope.allCases.enumerated().filter { bits & 1 << $0.offset != 0 }.map(\.element))
        let prefix = input.bytes(atMost: 20)
        let token = String(decoding: input.bytes(atMost: 60), as: UTF8.self)
        let name = String(decoding: input.remainder(), as: UTF8.self)
        guard TokenList.isName(name), !scopes.isEmpty, TokenList.isAllowed(scopes, keyPrefix: prefix) else { return }
        let line = TokenList.line(name: name, scopes: scopes, token: token, keyPrefix: prefix)
        let expected = Principal(name: name, scopes: scopes, keyPrefix: prefix)
        guard let list = try? TokenList(parsing: Array((line + "\n").utf8)) else { throw Finding("no line: \(line)") }
        try require(list.principal(of: token) == expected, "\(line) is read differently")
    }

    /// Only the known token is accepted, under the scheme Bearer.
    private func checkField(_ bytes: [UInt8]) throws(Finding) {
        guard let tokens = try? TokenList(parsing: Array((Self.line + "\n").utf8)) else {
            throw Finding("no line: \(Self.line)")
        }
        let field = String(decoding: bytes, as: UTF8.self).replacing("\u{1}", with: Self.token)
        let authenticator = Authenticator(Credentials(tokens: tokens)) { 0 }
        for _ in 0..<2 {
            let answer = authenticator.authenticate(field, from: ClientAddress(network: 1), atNs: 0)
            guard case .principal(let principal) = answer else { continue }
            let words = field.split(separator: " ")
            try require(
                principal.name == "known" && words.count == 2 && words[1] == Self.token
                    && words[0].lowercased() == "bearer", "\(field.debugDescription) is accepted")
        }
    }
}
