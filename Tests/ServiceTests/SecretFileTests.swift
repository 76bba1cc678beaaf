import Foundation
import Testing

@testable import Service

@Suite(.timeLimit(.minutes(20))) struct SecretFileTests {
    /// Reads `NAME` as a secret with the given settings and files.
    private func secret(
        _ values: [String: String], files: [String: String] = [:],
        check: (String) throws(SettingError) -> Void = { _ in }
    ) throws(SettingError) -> (value: String, report: String) {
        var reader = SettingsReader(
            lookUp: { name in values[name].map { ($0, .environment) } }, readFile: { files[$0].map { Array($0.utf8) } })
        let value = reader.secret("NAME", default: "standard", help: "", check: check)
        if let problem = reader.problems.first { throw SettingError(problem) }
        return (value, reader.report)
    }

    @Test func aSecretIsReadFromItsFile() throws {
        let found = try secret(["NAME_FILE": "/run/secrets/name"], files: ["/run/secrets/name": "hidden"])
        #expect(found.value == "hidden")
        #expect(found.report.contains(/NAME_FILE +\/run\/secrets\/name  \(environment\)/))
        #expect(found.report.contains(/NAME  +\*+  \(secret file\)/))
        #expect(!found.report.contains("hidden"))
    }

    @Test(arguments: ["hidden\n", "hidden\r\n", "hidden"])
    func theLineEndIsNotPartOfTheSecret(_ content: String) throws {
        #expect(try secret(["NAME_FILE": "f"], files: ["f": content]).value == "hidden")
    }

    @Test func theSettingIsUsedWithoutAFile() throws {
        #expect(try secret(["NAME": "plain"]).value == "plain")
        #expect(try secret(["NAME": "plain", "NAME_FILE": ""]).value == "plain")
        #expect(try secret([:]).value == "standard")
    }

    @Test func anEmptySettingNextToTheFileIsIgnored() throws {
        #expect(try secret(["NAME": "", "NAME_FILE": "f"], files: ["f": "hidden"]).value == "hidden")
    }

    @Test func settingAndFileTogetherAreRejected() {
        #expect(throws: SettingError("NAME_FILE must not be set together with NAME")) {
            try secret(["NAME": "plain", "NAME_FILE": "f"], files: ["f": "hidden"])
        }
    }

    /// The error does not show the path, which may be the secret itself.
    @Test func aMissingFileIsAnError() {
        #expect(throws: SettingError("NAME_FILE is not the path of a file that can be read")) {
            try secret(["NAME_FILE": "/nowhere"])
        }
    }

    @Test(arguments: ["", "\n", "two\nlines", "a\u{0}b", "tab\tbed"])
    func aFileWithoutALineOfTextIsRejected(_ content: String) {
        #expect(throws: SettingError("NAME_FILE must hold one line of text")) {
            try secret(["NAME_FILE": "f"], files: ["f": content])
        }
    }

    @Test func theContentOfTheFileIsValidated() {
        #expect(throws: SettingError("NAME is too short")) {
            try secret(["NAME_FILE": "f"], files: ["f": "ab"]) { _ throws(SettingError) in
                throw SettingError("is too short")
            }
        }
    }

    @Test func aRealFileIsReadUpToItsLimit() throws {
        let path = NSTemporaryDirectory() + "cap-secret-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try String(repeating: "x", count: SecretFile.maxSize).write(toFile: path, atomically: true, encoding: .utf8)
        #expect(SecretFile.read(path: path)?.count == SecretFile.maxSize)
        try String(repeating: "x", count: SecretFile.maxSize + 1).write(toFile: path, atomically: true, encoding: .utf8)
        #expect(SecretFile.read(path: path) == nil)
        #expect(SecretFile.read(path: NSTemporaryDirectory()) == nil, "a folder")
        #expect(SecretFile.read(path: path + "-nowhere") == nil)
    }

    @Test func thePasswordOfTheReplicasCanComeFromAFile() throws {
        let path = NSTemporaryDirectory() + "cap-secret-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "common\n".write(toFile: path, atomically: true, encoding: .utf8)
        let settings = try serviceSettings(.cp, ["REDIS_PASSWORD_FILE": path, "REPLICAS": "a=redis://app@one"])
        #expect(settings.replicas.map(\.endpoint.password) == ["common"])
        #expect(settings.replicas.map(\.endpoint.username) == ["app"])
    }
}
