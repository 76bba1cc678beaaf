import Foundation
import Glibc
import TLS
import TestSupport
import Testing

/// The real executables with TLS.
@Suite(.serialized, .timeLimit(.minutes(20))) struct TLSTests {
    @Test(arguments: ["cp", "ap"])
    func everyEndpointIsServedByTLS(mode: String) throws {
        let files = try TLSFiles()
        let app = try ServiceOnReplicas.make(mode, settings: files.settings, trust: files.trust())
        #expect(try app.write("k", "v").status == 200)
        let read = try app.read("k")
        #expect(read.string("value") == "v")
        #expect(read.headers["strict-transport-security"] == "max-age=31536000")
        let metrics = try app.metrics()
        #expect(try #require(metrics["app_tls_handshakes_total{result=\"completed\"}"]) > 0)
        let expiry = try #require(metrics["app_tls_certificate_expiry_timestamp_seconds"])
        #expect(abs(expiry - Double(TLSFiles.validity.upperBound)) < 2)
        let plain = try HTTPClient(port: app.service.port).request("GET", "/health/live")
        #expect(plain.status == 400)
        #expect(plain.string("code") == "tls_required")
        let probe = try ServiceProcess.run(
            "app-\(mode)", ["probe", "--tls", "--port", "\(app.service.port)", "/health/live"], environment: [:])
        #expect(probe.code == 0)
        #expect(probe.output == "HTTP/1.1 200 OK\n")
    }

    @Test func aServiceThatAsksForCertificatesServesOnlyThem() throws {
        let files = try TLSFiles()
        let own = try files.authority.issue(to: "client", for: .client, validity: TLSFiles.validity)
        let settings = files.settings.merging(["TLS_CLIENT_CA_FILE": files.path("ca.pem")]) { $1 }
        let app = try ServiceOnReplicas.cp(settings: settings, trust: files.trust(own: own))
        #expect(try app.write("k", "v").status == 200)
        #expect(throws: TestFailure.self) {
            _ = try HTTPClient(port: app.service.port, trust: files.trust()).request("GET", "/read/k")
        }
        let name = "app_tls_handshakes_total{result=\"client_certificate\"}"
        #expect(try eventually { try app.metrics()[name] == 1 })
        #expect(app.service.log.contains("TLS_HANDSHAKE_FAILED"))
        let port = "\(app.service.port)"
        #expect(
            try ServiceProcess.run("app-cp", ["probe", "--tls", "--port", port, "/health/live"], environment: [:]).code
                == 0)
        let ready = try ServiceProcess.run(
            "app-cp", ["probe", "--tls", "--port", port, "/health/ready"], environment: [:])
        #expect(ready.code == 1)
    }

    @Test func theCertificateIsReplacedWhileConnectionsContinue() throws {
        let files = try TLSFiles()
        let trust = try files.trust()
        let app = try ServiceOnReplicas.cp(settings: files.settings, trust: trust)
        let open = try HTTPClient(port: app.service.port, trust: trust)
        func expiry() throws -> Int64? { try HTTPClient(port: app.service.port, trust: trust).serverExpiresAtS }
        let other = TLSFiles.validity.lowerBound...TLSFiles.validity.upperBound - 600
        try files.replacePair(validity: other)
        #expect(try eventually { try expiry() == other.upperBound }, "the change is noticed")
        #expect(app.service.log.contains("CERTIFICATE_REPLACED"))
        // An invalid one changes nothing.
        try files.write(files.pair().certificate + files.pair().key, "pair.pem")
        #expect(eventually { app.service.log.contains("CERTIFICATE_REJECTED") })
        #expect(try expiry() == other.upperBound)
        try files.replacePair()
        app.service.signal(SIGHUP)
        #expect(try eventually { try expiry() == TLSFiles.validity.upperBound })
        #expect(try open.request("GET", "/health/live").status == 200, "connections continue")
        let metrics = try app.metrics()
        #expect(metrics["app_tls_reloads_total{result=\"failure\"}"] == 1)
        #expect(try #require(metrics["app_tls_reloads_total{result=\"success\"}"]) >= 2)
    }

    /// Half of the requests are on connections of their own.
    @Test func noRequestFailsWhileTheCertificateIsReplacedAgainAndAgain() async throws {
        let files = try TLSFiles()
        let trust = try files.trust()
        let app = try ServiceOnReplicas.cp(settings: files.settings, trust: trust)
        _ = try app.write("k", "v")
        let port = app.service.port
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<4 {
                group.addTask {
                    var kept = try HTTPClient(port: port, trust: trust)
                    for _ in 0..<300 {
                        if number.isMultiple(of: 2) { kept = try HTTPClient(port: port, trust: trust) }
                        guard try kept.request("GET", "/read/k").status == 200 else { throw TestFailure("not 200") }
                    }
                    return 300
                }
            }
            for _ in 0..<20 {
                try files.replacePair()
                app.service.signal(SIGHUP)
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await group.reduce(0, +) == 1_200)
        }
        #expect(try #require(try app.metrics()["app_tls_reloads_total{result=\"success\"}"]) > 5)
    }

    @Test(arguments: ["app-cp", "app-ap"])
    func unusableFilesPreventTheStart(program: String) throws {
        let files = try TLSFiles()
        let other = try TLSFiles()
        try files.write(files.pair().key, "key.pem")
        let past = TLSFiles.validity.lowerBound - 10...TLSFiles.validity.lowerBound
        let expired = try files.pair(validity: past)
        try files.write(expired.certificate + expired.key, "expired.pem")
        func complaint(_ settings: [String: String]) throws -> String? {
            let environment = ["SECRET_KEY": "0123456789abcdef"].merging(settings) { $1 }
            let result = try ServiceProcess.run(program, ["--check-config"], environment: environment)
            #expect(result.code == (result.errors.isEmpty ? 0 : 2))
            #expect(result.errors.split(separator: "\n").count <= 1)
            #expect(!(result.output + result.errors).contains("PRIVATE KEY"))
            return result.errors.isEmpty ? nil : result.errors
        }
        let pair = files.path("pair.pem")
        #expect(try complaint(files.settings) == nil)
        #expect(try complaint(["TLS_CERT_FILE": pair])?.contains("TLS_KEY_FILE must be set") == true)
        #expect(try complaint(["TLS_KEY_FILE": pair])?.contains("TLS_CERT_FILE must be set") == true)
        for (certificate, key, words) in [
            (pair, files.path("key.pem"), "another key"), (pair, "/nowhere", "TLS_KEY_FILE cannot be read"),
            ("/nowhere", pair, "TLS_CERT_FILE cannot be read"), (files.path("key.pem"), pair, "no certificate"),
            (pair, other.path("ca.pem"), "no private key"),
            (files.path("expired.pem"), files.path("expired.pem"), "expired"),
        ] {
            let text = try complaint(["TLS_CERT_FILE": certificate, "TLS_KEY_FILE": key])
            #expect(text?.contains(words) == true, "\(text ?? "none") instead of \(words)")
        }
        let wrongCA = files.settings.merging(["TLS_CLIENT_CA_FILE": files.path("key.pem")]) { $1 }
        #expect(try complaint(wrongCA)?.contains("TLS_CLIENT_CA_FILE") == true)
    }
}
