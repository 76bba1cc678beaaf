import Foundation
import Testing

@testable import CapLab

/// The token with which the lab's clients use services that require one.
@Suite(.timeLimit(.minutes(20))) struct ServiceTokenTests {
    private func file(_ content: String) throws -> (directory: ScratchDirectory, path: String) {
        let directory = try ScratchDirectory()
        let path = directory.path + "/token"
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        return (directory, path)
    }

    @Test(arguments: ["abc.DEF-_~+/=", "abc.DEF-_~+/=\n", "abc.DEF-_~+/=\r\n"])
    func theLineEndIsNotPartOfTheToken(content: String) throws {
        let made = try file(content)
        #expect(try ServiceToken(path: made.path).value == "abc.DEF-_~+/=")
    }

    @Test func theOptionOverridesTheVariable() throws {
        let made = try file("token")
        #expect(try ServiceToken.read(nil, [:]) == nil)
        #expect(try ServiceToken.read(nil, [ServiceToken.variable: ""]) == nil)
        #expect(try ServiceToken.read(nil, [ServiceToken.variable: made.path])?.value == "token")
        #expect(try ServiceToken.read(made.path, [ServiceToken.variable: "/nowhere"])?.value == "token")
    }

    @Test(arguments: ["", "\n", "two words", "two\nlines", "ümlaut"])
    func anythingElseIsOneLineWithExitCodeTwo(content: String) throws {
        let made = try file(content)
        let error = #expect(throws: LabError.self) { try ServiceToken(path: made.path) }
        #expect(error?.exitCode == 2)
        #expect(error?.message == "the token file \(made.path) does not have one line with a token")
        #expect(throws: LabError("cannot read the token file /nowhere", exitCode: 2)) {
            try ServiceToken(path: "/nowhere")
        }
    }

    @Test func aRequestHasTheTokenAndItsCommandOnlyTheFile() throws {
        let made = try file("secret-token")
        let token = try ServiceToken(path: made.path)
        let request = HTTPRequest(path: "/read/k")
        #expect(String(decoding: request.bytes(token: nil), as: UTF8.self).contains("Authorization") == false)
        #expect(
            String(decoding: request.bytes(token: token.value), as: UTF8.self)
                .contains("\r\nAuthorization: Bearer secret-token\r\n"))
        let target = CurlTarget(port: 80, authorityPath: "/ca.pem", tokenPath: token.path)
        let command = "curl --cacert /ca.pem -H \"Authorization: Bearer $(cat '\(made.path)')\" "
        #expect(request.curlCommand(target) == command + "https://127.0.0.1:80/read/k")
        let read = AskRequest(service: "app_cp", op: .read, key: "k")
        #expect(read.curl(target) == command + "https://127.0.0.1:80/read/k")
    }
}
