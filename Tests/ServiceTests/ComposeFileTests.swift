import Foundation
import Service
import Testing

/// Compares docker-compose.yml with the settings of the services.
@Suite(.timeLimit(.minutes(20))) struct ComposeFileTests {
    /// The names that an environment sets or passes on.
    private func names(in text: String) -> Set<String> {
        Set(text.matches(of: /\s([A-Z][A-Z0-9_]+):/).map { String($0.1) })
    }

    @Test func everySettingIsPassedToTheServices() throws {
        let known = names(in: try repositoryFile("docker-compose.yml"))
        // These settings are paths in the container, which only an overlay can set.
        let exempt: Set<String> = [
            "SECRET_KEY_FILE", "SECRET_KEY_FALLBACK_FILE", "REDIS_PASSWORD_FILE", "AUTH_TOKENS_FILE", "JWT_KEYS_FILE",
            "JWT_HS256_KEY_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE",
            "REDIS_TLS_CA_FILE", "REDIS_TLS_CERT_FILE", "REDIS_TLS_KEY_FILE",
        ]
        let missing = Set(try EnvExample().settings.map(\.name)).subtracting(exempt).subtracting(known)
        #expect(missing == [])
    }

    @Test func theDefaultsMatchTheExampleFile() throws {
        let text = try repositoryFile("docker-compose.yml")
        let used = Dictionary(
            text.matches(of: /\$\{([A-Z_]+):-([^}]*)\}/).map { (String($0.1), String($0.2)) },
            uniquingKeysWith: { first, second in
                #expect(first == second, "one default for all")
                return first
            })
        let example = try EnvExample()
        let ofServices = Set(example.settings.map(\.name))
        #expect(
            used.filter { !ofServices.contains($0.key) }
                == Dictionary(uniqueKeysWithValues: example.ofCompose.map { ($0.name, $0.value) }))
        for setting in example.ofCompose { #expect(setting.comment.count > 20, "\(setting.name)") }
    }

    @Test func theImagesHaveTheCurrentVersion() throws {
        let versions = try repositoryFile("docker-compose.yml").matches(of: /\$\{VERSION:-([^}]*)\}/).map {
            String($0.1)
        }
        #expect(!versions.isEmpty)
        #expect(Set(versions) == [ServiceVersion.current])
    }

    private func scriptSources(_ module: String) throws -> [(name: String, source: String)] {
        let folder = repositoryURL.appendingPathComponent("Sources/\(module)/Scripts")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).map { name in
            (name, try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
        }
    }

    /// The commands that a Redis user may run.
    private func commands(of user: String, in users: String) throws -> Set<String> {
        let line = try #require(users.split(separator: "\n").first { $0.hasPrefix("user \(user) ") })
        #expect(line.contains(" -@all "))
        return Set(line.matches(of: /\+([a-z|]+)/).map { String($0.1) })
    }

    @Test func theUserOfTheLabPageReadsRecordsAndNothingElse() throws {
        for (file, expected) in [("cp", ["hgetall", "hmget"]), ("ap", ["hgetall"])] {
            let users = try repositoryFile("deploy/redis/users-\(file).acl")
            #expect(try commands(of: "lab", in: users) == Set(expected))
        }
    }

    @Test func theRedisUsersMayRunEveryCommandOfTheScripts() throws {
        for (file, scripts) in [("cp", "Consistent"), ("ap", "Available")] {
            let users = try repositoryFile("deploy/redis/users-\(file).acl")
            let allowed = try commands(of: "app", in: users)
            for (name, source) in try scriptSources(scripts) + scriptSources("Core/RateLimiting") {
                for match in source.matches(of: /call\('([A-Za-z]+)'/) {
                    #expect(allowed.contains(match.1.lowercased()), "\(match.1) in \(name)")
                }
            }
        }
    }
}
