import EventLoop
import Foundation
import Testing

@testable import Service

/// No secret appears in what a program reports about its settings, however wrong they are.
@Suite(.timeLimit(.minutes(20))) struct SecretLeakTests {
    private static let canary = "hunter2canary"

    /// Everything that a start prints about its settings.
    private func reports(_ program: Program, _ values: [String: String]) -> String {
        let reader = program.read(values)
        return reader.problems.joined(separator: "\n") + "\n" + (reader.problems.isEmpty ? reader.report : "")
    }

    @Test(arguments: Program.allCases)
    func noSecretIsReported(program: Program) {
        let secrets = program.read([:]).entries.filter(\.isSecret).map(\.name)
        #expect(secrets.contains("JWT_HS256_KEY") && secrets.contains("REDIS_PASSWORD"))
        for name in secrets {
            // Values that are too short, long enough, or surrounded by white space, each also together with a file.
            for value in [
                Self.canary, Self.canary + String(repeating: "x", count: 32), "\(Self.canary)\n", " \(Self.canary)",
            ] {
                for further in [[:], ["\(name)_FILE": "/etc/hostname"], ["\(name)_FILE": Self.canary]] {
                    let values = [name: value].merging(further) { $1 }
                    #expect(!reports(program, values).contains(Self.canary), "\(name)")
                }
            }
            #expect(!reports(program, ["\(name)_FILE": "/\(Self.canary)"]).contains(Self.canary), "\(name)_FILE")
        }
    }

    @Test(arguments: Program.allCases)
    func noPasswordOfAReplicaIsReported(program: Program) {
        for text in [
            "redis://:\(Self.canary)@127.0.0.1:6379", "g1=redis://u:\(Self.canary)@127.0.0.1:6379",
            "g1=redis://u:\(Self.canary)@", "redis://u:x=\(Self.canary)@h", "redis://u:\(Self.canary)=@h",
            "g1=rediss://u:\(Self.canary)@h", "g1=redis:/u:\(Self.canary)@h", "g1=http://u:\(Self.canary)@h",
            "g1=redis://u:\(Self.canary)@h:port", "g1=redis://u:\(Self.canary)@h/0", "\(Self.canary)",
            "g1=redis://u:\(Self.canary)@h,g1=redis://u:\(Self.canary)@i",
            "g1=redis://u:\(Self.canary)@h,g2=redis://u:\(Self.canary)@h",
        ] {
            #expect(!reports(program, ["REPLICAS": text]).contains(Self.canary), "\(text)")
        }
    }

    /// A thousand configurations in which one to three characters were inserted, removed or replaced.
    @Test func noMutatedConfigurationReportsThePassword() {
        var random = SplitMix64(seed: 42)
        let base = Array(
            "g1=redis://app:\(Self.canary)@127.0.0.1:6379,g2=redis://:\(Self.canary)@[::1]:6380,g3=redis://h:6381")
        let signs = Array("=:/@,[]% #gr1")
        for _ in 0..<1_000 {
            var text = base
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<text.count, using: &random)
                // Do not change the secret itself.
                guard !Self.canary.contains(text[index]) || "=:/@,[]%".contains(text[index]) else { continue }
                switch Int.random(in: 0..<3, using: &random) {
                case 0: text.remove(at: index)
                case 1: text.insert(signs.randomElement(using: &random)!, at: index)
                default: text[index] = signs.randomElement(using: &random)!
                }
            }
            let value = String(text)
            #expect(!reports(.appCP, ["REPLICAS": value]).contains(Self.canary), "\(value)")
        }
    }

    @Test func noPieceOfAFileIsReported() throws {
        let path = NSTemporaryDirectory() + "cap-env-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "SECRET_KEY=abc\n\(Self.canary)==\n \(Self.canary)=x\nREDIS_PASSWORD \(Self.canary)\nx-\(Self.canary)=1\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        var reader = Program.appAP.read([:])
        reader.checkNames(envFilePath: path, environment: [])
        #expect(reader.problems.count == 4)
        #expect(!reader.problems.joined().contains(Self.canary))
    }
}

/// Reports of secrets that others could guess.
@Suite struct ExposureTests {
    private func exposures(_ values: [String: String]) throws -> [String] {
        try serviceSettings(.ap, values).access.exposures.map(\.description)
    }

    @Test func outsideLoopbackSecretsAreLongAndNoPlaceholders() throws {
        let outside = ["HTTP_BIND": "0.0.0.0", "AUTH_TOKENS_FILE": "/tokens"]
        for secret in [
            "0123456789abcdef", "put-32-random-characters-here-now", "local-contexts-only-0123456789abcdef",
            "please-CHANGEME-0123456789abcdef012", String(repeating: "a", count: 40),
        ] {
            #expect(try exposures(outside.merging(["SECRET_KEY": secret]) { $1 }).count == 1, "\(secret)")
            #expect(try exposures(["SECRET_KEY": secret]).isEmpty, "on loopback")
        }
        let strong = "9f86d081884c7d659a2feaa0c55ad015"
        #expect(try exposures(outside.merging(["SECRET_KEY": strong]) { $1 }).isEmpty)
    }

    @Test func aKeyOfTokensIsNoPlaceholderAlsoBehindAProxy() throws {
        let open = ["HTTP_BIND": "0.0.0.0", "ALLOW_UNAUTHENTICATED": "true", "JWT_ISSUER": "i", "JWT_AUDIENCE": "a"]
        let weak = "changeme-0123456789abcdef0123456789"
        #expect(try exposures(open.merging(["JWT_HS256_KEY": weak]) { $1 }).count == 1)
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
    func loopbackNeedsNoTokens(host: String) throws { #expect(try exposures(["HTTP_BIND": host]).isEmpty) }

    @Test(arguments: ["0.0.0.0", "::", "192.0.2.1", "example.org", "128.0.0.1"])
    func otherAddressesDo(host: String) throws {
        let strong = ["SECRET_KEY": "9f86d081884c7d659a2feaa0c55ad015", "HTTP_BIND": host]
        #expect(try exposures(strong).count == 1)
        #expect(try exposures(strong.merging(["ALLOW_UNAUTHENTICATED": "true"]) { $1 }).isEmpty)
        #expect(
            try exposures(strong.merging(["JWT_KEYS_FILE": "/k", "JWT_ISSUER": "i", "JWT_AUDIENCE": "a"]) { $1 })
                .isEmpty)
    }
}
