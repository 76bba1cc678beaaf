import Dispatch
import EventLoop
import Glibc
import TLS
import Testing

@testable import HTTP

/// Who gets through a handshake, and how many may try at once.
@Suite(.timeLimit(.minutes(20))) struct HandshakeTests {
    private let fixture: TLSFixture
    private let trust: TLSClientSession.Credentials

    init() throws {
        fixture = try TLSFixture()
        trust = try fixture.trust()
    }

    private func server(
        clientCA: [UInt8]? = nil, _ adjust: @escaping @Sendable (inout HTTPServerSettings) -> Void = { _ in }
    ) throws -> TestServer {
        let credentials = try fixture.credentials(clientCA: clientCA)
        return try TestServer.hello {
            $0.tls = credentials
            adjust(&$0)
        }
    }

    @Test(arguments: ["TLS1.0", "TLS1.1"]) func oldVersionsAreRejected(version: String) throws {
        let server = try server()
        defer { server.stop() }
        let results = server.collectHandshakes()
        #expect(throws: TestClient.Failure.self) {
            try server.connect(trust, priorities: "NORMAL:-VERS-ALL:+VERS-\(version)")
        }
        #expect(server.waits { _ in results.value == [.incompatible] })
    }

    @Test func ciphersWithoutAuthenticationOfTheWholeRecordAreRejected() throws {
        let server = try server()
        defer { server.stop() }
        #expect(throws: TestClient.Failure.self) {
            try server.connect(
                trust, priorities: "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC")
        }
    }

    @Test func aClientOfAnotherAuthorityRejectsTheServer() throws {
        let server = try server()
        defer { server.stop() }
        let results = server.collectHandshakes()
        let foreign = try TLSFixture().trust()
        #expect(throws: TestClient.Failure.self) { try server.connect(foreign) }
        #expect(server.waits { _ in results.value == [.rejected] || results.value == [.disconnected] })
        #expect(server.waits { $0.connectionCount == 0 })
    }

    @Test(arguments: ["TLS1.2", "TLS1.3"]) func onlyCertificatesOfTheClientAuthorityAreAccepted(version: String) throws
    {
        let server = try server(clientCA: fixture.authority)
        defer { server.stop() }
        let results = server.collectHandshakes()
        func connect(_ credentials: TLSClientSession.Credentials) throws -> TestClient {
            try server.connect(credentials, priorities: "NORMAL:-VERS-ALL:+VERS-\(version)")
        }
        let client = try connect(fixture.trust(own: fixture.client))
        #expect(try client.request("GET", "/hello").text == "hello")
        // With TLS 1.3 the client learns it when it reads.
        let foreign = try TLSFixture().client
        // A server's certificate is none for clients.
        for wrong in [nil, foreign, fixture.server] {
            #expect(throws: TestClient.Failure.self) {
                _ = try connect(fixture.trust(own: wrong)).request("GET", "/hello")
            }
        }
        #expect(
            server.waits { _ in
                results.value == [.completed, .clientCertificate, .clientCertificate, .clientCertificate]
            })
    }

    @Test func aRequestWithoutTLSIsToldSo() throws {
        let server = try server()
        defer { server.stop() }
        let results = server.collectHandshakes()
        let client = try server.connect()
        let answer = try client.request("GET", "/hello")
        #expect(answer.status == 400)
        #expect(answer.text.contains("\"code\":\"tls_required\""))
        #expect(client.isClosedByServer())
        let noise = try server.connect()
        noise.send([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(noise.isClosedByServer())
        #expect(server.waits { _ in results.value == [.plaintext, .incompatible] })
    }

    @Test func aHandshakeThatStallsIsClosed() throws {
        let server = try server { $0.connections.handshakeTimeoutMs = 200 }
        defer { server.stop() }
        let results = server.collectHandshakes()
        let silent = try server.connect()
        let slow = try server.connect()
        slow.send([22, 3, 1, 2, 0, 1])
        #expect(silent.isClosedByServer())
        #expect(slow.isClosedByServer())
        #expect(server.waits { _ in results.value == [.timeout, .timeout] })
        #expect(server.waits { $0.connectionCount == 0 })
        let client = try server.connect(trust)
        #expect(try client.request("GET", "/hello").text == "hello")
    }

    @Test func stalledHandshakesKeepNobodyOut() throws {
        let server = try server {
            $0.connections.limit = 64
            $0.connections.leastIdleMs = 20
        }
        defer { server.stop() }
        let results = server.collectHandshakes()
        var stalled: [TestClient] = []
        for _ in 0..<10 {
            for _ in 0..<8 {
                let client = try server.connect(from: 2)
                client.send([22, 3, 1, 2, 0, 1])
                stalled.append(client)
            }
            #expect(try server.connect(trust).request("GET", "/hello").text == "hello")
            #expect(server.withServer { $0.connections.handshaking.count } <= 16)
        }
        #expect(server.waits { _ in results.value.contains { $0 == .dropped || $0 == .refused } })
    }

    /// Each address holds less than its share, and all of them together hold everything.
    @Test func stalledHandshakesOfManyAddressesKeepNobodyOut() throws {
        let server = try server {
            $0.connections.limit = 64
            $0.connections.leastIdleMs = 20
        }
        defer { server.stop() }
        let results = server.collectHandshakes()
        var stalled: [TestClient] = []
        for number in 2..<30 {
            for _ in 0..<2 {
                let client = try server.connect(from: UInt32(number))
                client.send([22, 3, 1, 2, 0, 1])
                stalled.append(client)
            }
            #expect(server.withServer { $0.connections.handshaking.count } <= 16)
        }
        #expect(server.waits { $0.connections.handshaking.count >= 14 })
        // A stalled handshake is closed for a new one once it is 20 ms old.
        var text: String?
        let deadline = DispatchTime.now() + .seconds(10)
        while text == nil, DispatchTime.now() < deadline {
            text = try? server.connect(trust).request("GET", "/hello").text
        }
        #expect(text == "hello")
        #expect(results.value.contains(.dropped))
    }

    @Test func newHandshakesUseReplacedCredentials() throws {
        let server = try server()
        defer { server.stop() }
        let before = try server.connect(trust)
        let other = try TLSFixture()
        let replacement = try other.credentials(clientCA: other.authority)
        server.withServer { $0.replace(replacement) }
        #expect(try before.request("GET", "/hello").text == "hello")
        #expect(throws: TestClient.Failure.self) { try server.connect(trust) }
        let after = try server.connect(other.trust(own: other.client))
        #expect(try after.request("GET", "/hello").text == "hello")
    }

    @Test func aStopEndsHandshakes() throws {
        let server = try server()
        let silent = try server.connect()
        silent.send([22, 3, 1, 2, 0, 1])
        #expect(server.waits { $0.connections.handshaking.count == 1 })
        let established = try server.connect(trust)
        #expect(try established.request("GET", "/hello").text == "hello")
        server.stop()
        #expect(silent.isClosedByServer())
        #expect(established.isEndedByServer())
    }

    @Test func unusablePairsAreRejected() throws {
        let fixture = fixture
        let nowS = TLSFixture.nowS
        let other = try TLSFixture()
        func make(
            _ certificate: [UInt8], _ key: [UInt8], ca: [UInt8]? = nil, atS: Int64 = nowS
        ) throws(TLSCredentialsError) {
            _ = try TLSCredentials(certificate: certificate, key: key, clientCA: ca, nowS: atS)
        }
        let (certificate, key) = (fixture.server.certificate, fixture.server.key)
        #expect(throws: TLSCredentialsError.invalidCertificate) { try make(Array("no PEM".utf8), key) }
        #expect(throws: TLSCredentialsError.invalidKey) { try make(certificate, Array("no PEM".utf8)) }
        #expect(throws: TLSCredentialsError.mismatch) { try make(certificate, other.server.key) }
        #expect(throws: TLSCredentialsError.invalidClientCA) { try make(certificate, key, ca: key) }
        #expect(throws: TLSCredentialsError.expired) {
            try make(certificate, key, atS: TLSFixture.validity.upperBound)
        }
        #expect(throws: TLSCredentialsError.notYetValid) {
            try make(certificate, key, atS: TLSFixture.validity.lowerBound - 1)
        }
    }
}
