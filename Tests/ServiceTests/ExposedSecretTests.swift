import Foundation
import Testing

@testable import Service

@Suite struct ExposedSecretTests {
    @Test(
        arguments: [
            (0o600, false, false), (0o400, false, false), (0o640, false, true), (0o604, false, true),
            (0o620, false, true),
            (0o640, true, false), (0o440, true, false), (0o600, true, false), (0o660, true, true), (0o644, true, true),
            (0o444, true, true),
        ] as [(mode_t, Bool, Bool)])
    func accessOfOthersIsReported(mode: mode_t, isRoots: Bool, isExposed: Bool) {
        let found = ExposedSecret(setting: "TLS_KEY_FILE", mode: S_IFREG | mode, isRoots: isRoots)
        #expect((found != nil) == isExposed)
    }

    @Test func theReportNamesTheSettingAndNotThePath() throws {
        let found = try #require(ExposedSecret(setting: "TLS_KEY_FILE", mode: 0o644, isRoots: false))
        #expect(found.description == "the file of TLS_KEY_FILE has mode 644: other users have access to it")
    }

    @Test func everyFileOfSecretsIsChecked() throws {
        let path = NSTemporaryDirectory() + "cap-secret-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "a-secret-of-more-than-32-characters".write(toFile: path, atomically: true, encoding: .utf8)
        let names = [
            "AUTH_TOKENS_FILE", "JWT_HS256_KEY_FILE", "REDIS_PASSWORD_FILE", "SECRET_KEY_FALLBACK_FILE",
            "SECRET_KEY_FILE", "TLS_KEY_FILE",
        ]
        var values = Dictionary(uniqueKeysWithValues: names.map { ($0, path) })
        values.merge(["TLS_CERT_FILE": path, "JWT_ISSUER": "i", "JWT_AUDIENCE": "a"]) { $1 }
        func exposed(_ mode: mode_t) -> [String] {
            chmod(path, mode)
            var reader = SettingsReader { name in values[name].map { ($0, .environment) } }
            return ServiceSettings(mode: .ap, from: &reader).exposedSecrets.map(\.setting).sorted()
        }
        #expect(exposed(0o600) == [])
        #expect(exposed(0o644) == names)
    }
}
