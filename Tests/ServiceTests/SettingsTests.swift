import Foundation
@testable import Service
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(20))) struct SettingsTests {
    @Test func theEnvironmentOverridesTheFileAndTheFileTheDefault() async throws {
        // `HOME` stands for any variable of the environment, because a test must not change its own environment.
        let home = try #require(ProcessInfo.processInfo.environment["HOME"])
        let path = NSTemporaryDirectory() + "cap-settings-\(UUID().uuidString).env"
        try "HOME=from-the-file\nCAP_ONLY_IN_FILE=from the file\n".write(
            toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var reader = try await SettingsReader.standard(envFilePath: path, isFileRequired: true)
        #expect(reader.string("HOME", default: "standard", help: "") == home)
        #expect(reader.string("CAP_ONLY_IN_FILE", default: "standard", help: "") == "from the file")
        #expect(reader.string("CAP_NOWHERE", default: "standard", help: "") == "standard")
        #expect(reader.entries.map(\.source) == [.environment, .file, .standard])
    }

    @Test func aNamedFileMustExist() async throws {
        let path = NSTemporaryDirectory() + "cap-no-such-\(UUID().uuidString).env"
        await #expect(throws: SettingError("\(path): cannot be read as a file of NAME=value lines")) {
            _ = try await SettingsReader.standard(envFilePath: path, isFileRequired: true)
        }
        var reader = try await SettingsReader.standard(envFilePath: path, isFileRequired: false)
        #expect(reader.integer("CAP_NOWHERE", default: 7, in: 1...9, help: "") == 7)
    }

    /// The library would take the whole file for one setting, or for one comment, and an error could show all of it.
    @Test(arguments: ["HTTP_PORT=5055\r\nREDIS_PASSWORD=hunter2canary\r\n", "# all\r\nHTTP_PORT=5055\r\n", "SITE=a\r"])
    func aFileWithCarriageReturnsIsRefused(text: String) async throws {
        let path = NSTemporaryDirectory() + "cap-settings-\(UUID().uuidString).env"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        await #expect(throws: SettingError("\(path): has carriage returns; save it with line feeds alone")) {
            _ = try await SettingsReader.standard(envFilePath: path, isFileRequired: true)
        }
    }

    @Test func theCertificateForReplicasNeedsItsKey() throws {
        let certificate = ["REDIS_TLS_CERT_FILE": "/a"]
        #expect(Program.appCP.complaint(about: certificate)?.hasPrefix("REDIS_TLS_KEY_FILE must be set") == true)
        let key = ["REDIS_TLS_KEY_FILE": "/a"]
        #expect(Program.appCP.complaint(about: key)?.hasPrefix("REDIS_TLS_CERT_FILE must be set") == true)
    }

    @Test(.enabled(if: RedisEndpoint.supportsTLS, "needs hiredis 1.0 or later with its TLS library"))
    func theFilesForTLSToReplicasAreReadAtTheStart() throws {
        let replicas = ["REPLICAS": "g1=rediss://h:1"]
        #expect(Program.appCP.complaint(about: replicas) == nil)
        let wrong = replicas.merging(["REDIS_TLS_CA_FILE": "/nowhere"]) { $1 }
        #expect(Program.appCP.complaint(about: wrong) == "REDIS_TLS_CA_FILE cannot be read")
    }

    @Test(.disabled(if: RedisEndpoint.supportsTLS, "this build has TLS to Redis"))
    func withoutTheTLSLibraryARedissURLIsAnError() throws {
        let complaint = Program.appCP.complaint(about: ["REPLICAS": "g1=rediss://h:1"])
        #expect(complaint?.contains("stunnel") == true)
    }

    @Test(arguments: Program.allCases)
    func theDefaultsAreValid(_ program: Program) throws {
        #expect(program.read([:]).entries.allSatisfy { $0.source == .standard || $0.name == "SECRET_KEY" })
    }

    @Test(arguments: [
        ("NODE_ID", ""), ("NODE_ID", "a b"), ("NODE_ID", String(repeating: "n", count: 65)), ("NODE_ID", "ä"),
        ("SITE", "east/1"), ("GROUP", "{}"), ("HTTP_BIND", ""),
        ("HTTP_PORT", "0"), ("HTTP_PORT", "65536"), ("HTTP_PORT", "80a"), ("HTTP_PORT", ""), ("HTTP_PORT", " 80"),
        ("HTTP_PORT", "-1"), ("HTTP_PORT", "99999999999999999999"), ("HTTP_PORT", "5e3"),
        ("SECRET_KEY", "short"), ("SECRET_KEY", "fifteen-charact"),
        ("REPLICAS", ""), ("REPLICAS", "g1"), ("REPLICAS", "g1=127.0.0.1:6379"), ("REPLICAS", "g1=http://h:1"),
        ("REPLICAS", "g1=rediss://h:0"), ("REPLICAS", "g1=redis://h:0"), ("REPLICAS", "g1=redis://h:65536"),
        ("REPLICAS", "g1=redis://h:port"), ("REPLICAS", "g1=redis://:1"), ("REPLICAS", "g1=redis://h:1/0"),
        ("REPLICAS", "=redis://h:1"), ("REPLICAS", "g 1=redis://h:1"), ("REPLICAS", "g1=redis://h:1,"),
        ("REPLICAS", "g1=redis://h:1,g1=redis://h:2"), ("REPLICAS", "g1=redis://[::1:1"),
        ("REPLICAS", "g1=redis://u:%zz@h:1"), ("REPLICAS", "g1=redis://h:1,g2=redis://me@h:1"),
        ("REPLICAS", (1...8).map { "g\($0)=redis://h:\($0)" }.joined(separator: ",")),
        ("NEAR_REPLICAS", "g9"), ("NEAR_REPLICAS", "g1,,g9"),
        ("REDIS_TLS_CA_FILE", "/etc/ssl/certs/ca-certificates.crt"),
        ("NETWORK_TIMEOUT_SEC", "0"), ("NETWORK_TIMEOUT_SEC", "61"), ("NETWORK_TIMEOUT_SEC", "nan"),
        ("NETWORK_TIMEOUT_SEC", "inf"), ("NETWORK_TIMEOUT_SEC", "1s"), ("NETWORK_TIMEOUT_SEC", "-1"),
        ("MAX_STALENESS_MS", "-1"), ("MAX_VALUE_BYTES", "0"), ("MAX_VALUE_BYTES", "1MiB"),
        ("LOG_LEVEL", "loud"), ("LOG_LEVEL", "INFO"), ("LOG_FORMAT", "xml"),
        ("MAX_REQUESTS_IN_FLIGHT", "0"), ("STOP_GRACE_MS", "-5"), ("REPLICA_TIMEOUT_MS", "0"),
        ("MAX_IN_FLIGHT_PER_REPLICA", "0"), ("BREAKER_FAILURES", "0"), ("BREAKER_OPEN_MS", "9"),
        ("BREAKER_MAX_OPEN_MS", "600001"),
    ])
    func aWrongValueGivesOneLineThatNamesTheSetting(_ name: String, _ value: String) throws {
        for program in Program.allCases {
            let complaint = try #require(program.complaint(about: [name: value]), "\(program.rawValue)")
            #expect(complaint.hasPrefix("\(name) "))
            #expect(!complaint.contains("\n"))
        }
    }

    @Test(arguments: [
        ("CP_MAX_PENDING", "0"), ("CP_MAX_BATCH", "10001"), ("CP_READ_HEDGE_MS", "-1"),
    ])
    func aWrongValueOfAppCPNamesTheSetting(_ name: String, _ value: String) throws {
        #expect(try #require(Program.appCP.complaint(about: [name: value])).hasPrefix("\(name) "))
        #expect(Program.appAP.complaint(about: [name: value]) == nil, "not a setting of app-ap")
    }

    @Test(arguments: [
        ("AP_WRITE_ACKS", "0"), ("AP_WRITE_ACKS", "4"), ("AP_MAX_SIBLINGS", "0"), ("AP_MAX_HINTS", "0"),
        ("AP_PROBE_INTERVAL_MS", "19"), ("AP_ANTI_ENTROPY_INTERVAL_SEC", "0"), ("REPLICAS", "g.1=redis://h:1"),
    ])
    func aWrongValueOfAppAPNamesTheSetting(_ name: String, _ value: String) throws {
        #expect(try #require(Program.appAP.complaint(about: [name: value])).hasPrefix("\(name) "))
        #expect(Program.appCP.complaint(about: [name: value]) == nil, "no concern of app-cp")
    }

    @Test func theLongestPauseOfTheBreakerIsNotBelowTheFirst() {
        let values = ["BREAKER_OPEN_MS": "500", "BREAKER_MAX_OPEN_MS": "400"]
        #expect(Program.appCP.complaint(about: values)?.hasPrefix("BREAKER_MAX_OPEN_MS ") == true)
    }

    @Test(arguments: Program.allCases)
    func allWrongValuesAreReportedAtOnce(_ program: Program) {
        let values = [
            "HTTP_PORT": "many", "REPLICAS": "g1", "NEAR_REPLICAS": "a", "LOG_LEVEL": "loud", "SECRET_KEY": "short",
            "REDIS_PASSWORD_FILE": "/nowhere", "BREAKER_OPEN_MS": "5000", "BREAKER_MAX_OPEN_MS": "?",
        ]
        let names = (program.complaint(about: values) ?? "").split(separator: "\n").map { $0.prefix { $0 != " " } }
        let expected = [
            "HTTP_PORT", "SECRET_KEY", "REDIS_PASSWORD_FILE", "REPLICAS", "LOG_LEVEL", "BREAKER_MAX_OPEN_MS",
        ]
        // `NEAR_REPLICAS` is not reported: its error only follows from that of `REPLICAS`, which cannot be parsed.
        #expect(names.map(String.init) == expected)
    }

    @Test func onlyAppAPNeedsASecretKey() {
        #expect(Program.appAP.complaint(about: ["SECRET_KEY": ""])?.hasPrefix("SECRET_KEY ") == true)
        #expect(Program.appCP.complaint(about: ["SECRET_KEY": ""]) == nil)
    }

    @Test func replicasKeepTheirOrderAndGetTheCommonPassword() throws {
        let settings = try serviceSettings(
            .cp,
            [
                "REPLICAS": "b=redis://one:7001, a=redis://me:a%40b@two,c=redis://[::1]:7003/",
                "REDIS_PASSWORD": "common", "NEAR_REPLICAS": "a, c",
            ])
        #expect(
            settings.replicas == [
                RedisReplica(name: "b", endpoint: RedisEndpoint(host: "one", port: 7_001, password: "common")),
                RedisReplica(
                    name: "a", endpoint: RedisEndpoint(host: "two", port: 6_379, username: "me", password: "a@b")),
                RedisReplica(name: "c", endpoint: RedisEndpoint(host: "::1", port: 7_003, password: "common")),
            ])
        #expect(settings.redis.nearReplicas == ["a", "c"])
    }

    @Test func timeoutsFollowTheDeadlineOfARequest() throws {
        #expect(try serviceSettings(.cp, ["NETWORK_TIMEOUT_SEC": "2"]).redis.timeouts.callMs == 500)
        #expect(try serviceSettings(.cp, ["NETWORK_TIMEOUT_SEC": "0.05"]).redis.timeouts.callMs >= 10)
        let own = try serviceSettings(.cp, ["NETWORK_TIMEOUT_SEC": "2", "REPLICA_TIMEOUT_MS": "77"])
        #expect(own.redis.timeouts.callMs == 77)
        #expect(try serviceSettings(.cp, ["NETWORK_TIMEOUT_SEC": "0.25"]).requests.timeoutMs == 250)
    }
}

@Suite(.timeLimit(.minutes(20))) struct SettingsReportTests {
    private func report(_ values: [String: String]) -> [Substring] {
        Program.appCP.read(values).report.split(separator: "\n")
    }

    @Test func theReportHasALinePerSettingWithItsSource() throws {
        let lines = report(["HTTP_PORT": "8080"])
        #expect(lines.count == Program.appCP.defaults.count)
        #expect(lines.contains { $0.wholeMatch(of: /HTTP_PORT +8080  \(environment\)/) != nil })
        #expect(lines.contains { $0.wholeMatch(of: /SITE +local  \(default\)/) != nil })
    }

    @Test func secretsAndCredentialsInURLsAreMasked() throws {
        let text = report([
            "SECRET_KEY": "hidden-hidden-hidden", "REDIS_PASSWORD": "hidden",
            "REPLICAS": "g1=redis://me:hidden@one:1,g2=redis://:hidden%40@two:2,g3=redis://three:3",
        ]).joined(separator: "\n")
        #expect(!text.contains("hidden"))
        #expect(!text.contains("me:"))
        #expect(text.contains("g1=redis://******@one:1,g2=redis://******@two:2,g3=redis://three:3"))
    }

    @Test func anEmptySecretIsShownAsEmpty() throws {
        let lines = report(["REDIS_PASSWORD": "set"])
        #expect(lines.contains { $0.wholeMatch(of: /REDIS_PASSWORD +\*+  \(environment\)/) != nil })
        #expect(lines.contains { $0.wholeMatch(of: /SECRET_KEY +\(empty\)  \(default\)/) != nil })
    }
}

@Suite(.timeLimit(.minutes(20))) struct EnvFileTests {
    private let names = SettingNames(read: [
        "HTTP_PORT", "MAX_VALUE_BYTES", "NETWORK_TIMEOUT_SEC", "NODE_ID", "SITE", "MAX_STALENESS_MS",
        "MAX_REQUESTS_PER_SEC",
    ])

    @Test(arguments: [
        ("HTTP_PORT 5005", "is not NAME=value"), ("export HTTP_PORT=5005", "must not begin with 'export'"),
        ("\u{FEFF}HTTP_PORT=5005", "begins with a byte order mark"), ("HTTP PORT=1", "is not NAME=value"),
        ("=5", "is not NAME=value"),
    ])
    func aLineThatWouldBePassedOverIsNamed(line: String, problem: String) {
        #expect(self.problem(of: line)?.hasPrefix(problem) == true)
    }

    private func problem(of line: String) -> String? {
        var firstLines: [String: Int] = [:]
        return EnvFile.problem(of: Array(line.utf8)[...], names, firstLines: &firstLines, number: 1)
    }

    @Test(arguments: [
        ("AP_WRITE_ACK=2", "sets 'AP_WRITE_ACK', which is not a setting; did you mean AP_WRITE_ACKS?"),
        ("http_port=1", "sets 'http_port', which is not a setting; did you mean HTTP_PORT?"),
        ("COLOR=blue", "sets 'COLOR', which is not a setting"),
    ])
    func anUnknownNameIsAnError(line: String, problem: String) {
        #expect(self.problem(of: line) == problem)
    }

    @Test(arguments: ["AP_WRITE_ACKS=2", "CP_MAX_BATCH=3", "GRAFANA_PASSWORD=x", "COMPOSE_FILE=a:b"])
    func theFileMayHaveSettingsOfTheOtherServiceAndOfCompose(line: String) {
        #expect(self.problem(of: line) == nil)
    }

    @Test(arguments: [
        ("AP_WRITE_ACK", "AP_WRITE_ACKS"), ("HTTP_PROT", "HTTP_PORT"), ("HTTPPORT", "HTTP_PORT"),
        ("NETWORK_TIMEOUT_MS", "NETWORK_TIMEOUT_SEC"), ("NETWORK_TIMEOUT", "NETWORK_TIMEOUT_SEC"),
        ("MAX_VALUE_BITES", "MAX_VALUE_BYTES"), ("AP_MAX_SIBLNG_BYTE", "AP_MAX_SIBLING_BYTES"),
        ("CP_MAX_BATCHES", "CP_MAX_BATCH"), ("NODEID", "NODE_ID"), ("STALENESS_MAX_MS", "MAX_STALENESS_MS"),
        ("MAX_REQUESTS_PER_SECOND", "MAX_REQUESTS_PER_SEC"), ("MAX_VALUE_SIZE", "MAX_VALUE_BYTES"),
    ])
    func aNearMissInTheEnvironmentIsAnError(name: String, setting: String) {
        #expect(names.problem(inEnvironment: name) == "\(name) is not a setting; did you mean \(setting)?")
    }

    @Test(arguments: [
        "PATH", "HOME", "HTTP_PROXY", "https_proxy", "HTTPS_PORT", "SSL_CERT_FILE", "SSL_KEY_FILE", "NODE_IP", "SIZE",
        "GROUPS", "APP_CP_PORT", "CP_DB_G1_SERVICE_PORT", "SECRET_KEY_BASE", "AP_MAX_HINTS", "LOGNAME", "VERSION", "_",
        "GLIBC_TUNABLES",
    ])
    func namesOfOtherProgramsInTheEnvironmentAreNoErrors(name: String) {
        #expect(names.problem(inEnvironment: name) == nil)
    }

    @Test func aNameThatIsSetTwiceIsAnError() throws {
        let path = NSTemporaryDirectory() + "cap-settings-\(UUID().uuidString).env"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try "SITE=east\n# west?\nSITE=west\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(EnvFile.problems(of: path, names) == ["\(path): line 3 sets 'SITE' again, after line 1"])
    }

    @Test(arguments: Program.allCases)
    func allProblemsOfTheFileAreReportedWithTheirLines(_ program: Program) throws {
        let path = NSTemporaryDirectory() + "cap-settings-\(UUID().uuidString).env"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let good = try EnvExample().settings.map { "\($0.name)=\($0.value)" }
        try (["A B", "WHAT=1"] + good).joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        var reader = program.read([:])
        reader.checkNames(envFilePath: path, environment: ["MAX_VALUE_BYTE"])
        #expect(
            reader.problems == [
                "MAX_VALUE_BYTE is not a setting; did you mean MAX_VALUE_BYTES?", "\(path): line 1 is not NAME=value",
                "\(path): line 2 sets 'WHAT', which is not a setting",
            ])
    }

    @Test(arguments: ["", "  ", "# HTTP_PORT 5005", "HTTP_PORT=5005", "  SITE=b=c # d", "NODE_ID="])
    func validFilesAreAccepted(line: String) {
        #expect(self.problem(of: line) == nil)
    }
}
