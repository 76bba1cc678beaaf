import EventLoop
import Replication
import Testing
import TestSupport

@testable import Redis

/// TLS to a real server.
@Suite(
    .timeLimit(.minutes(20)), .enabled(if: RedisEndpoint.supportsTLS, "needs hiredis 1.0 or later with its TLS library")
) struct RedisTLSTests {
    private let runner: ReactorRunner
    private let fixture: RedisTLSFixture

    init() throws {
        runner = try ReactorRunner()
        fixture = try RedisTLSFixture()
    }

    private var settings: RedisGroupSettings {
        var settings = RedisGroupSettings()
        settings.tls = fixture.files
        return settings
    }

    /// Runs `body` with a group on the reactor's thread, and closes the group.
    private func with<Value: Sendable>(
        _ server: RedisTLSServer, host: String = "127.0.0.1", _ settings: RedisGroupSettings,
        _ body: @escaping @Sendable (RedisReplicaGroup, Reactor) async throws -> Value
    ) async throws -> Value {
        try await runner.run { [reactor = runner.reactor] in
            let group = try server.group(reactor, host: host, settings)
            defer { group.close() }
            return try await body(group, reactor)
        }
    }

    /// The reason why the group cannot connect.
    private func failure(
        _ server: RedisTLSServer, host: String = "127.0.0.1", _ settings: RedisGroupSettings
    ) async throws -> LinkFailure? {
        try await with(server, host: host, settings) { group, reactor in
            #expect(await reactor.eventually { group.status()[0].lastFailure != nil })
            #expect(group.available.isEmpty)
            #expect(group.rejectsCommands(0))
            return group.status()[0].lastFailure
        }
    }

    @Test func aReplicaIsReachedByTLS() async throws {
        let server = try fixture.server()
        try await with(server, settings) { group, reactor in
            #expect(await reactor.eventually { group.available == group.everyReplica })
            #expect(await group.ask(.plain("PING"), reactor) == [.status("PONG")])
        }
    }

    @Test func manyLongCommandsAndRepliesPassInParts() async throws {
        let server = try fixture.server()
        var settings = settings
        settings.timeouts.callMs = 30_000
        settings.timeouts.stallMs = 60_000
        settings.limits.maxInFlightBytes = 1 << 30
        try await with(server, settings) { group, reactor in
            #expect(await reactor.eventually { group.available == group.everyReplica })
            let values = (0..<40).map { index in
                Bytes((0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) })
            }
            // While the server is stopped, the kernel's buffer fills, and later commands wait until it has room.
            server.server.pause()
            let writes = QuorumCalls(group, reactor)
            for (index, value) in values.enumerated() {
                writes.send(Command(.plain([Bytes("SET".utf8), Bytes("k\(index)".utf8)]), arguments: [value]))
            }
            await reactor.sleep(forNs: 100 * nsPerMs)
            server.server.resume()
            #expect(await writes.replies() == values.map { _ in .status("OK") })
            let reads = QuorumCalls(group, reactor)
            for index in values.indices { reads.send(.plain("GET", "k\(index)")) }
            #expect(await reads.replies() == values.map { .bulk($0) })
        }
    }

    @Test func aCertificateOfAnotherAuthorityIsRejected() async throws {
        let server = try RedisTLSFixture().server()
        let failure = try await failure(server, settings)
        #expect(failure?.text.hasPrefix("its certificate is invalid: ") == true, "\(String(describing: failure))")
        #expect(failure?.summary == failure?.text)
    }

    @Test func anExpiredCertificateIsRejected() async throws {
        let now = RedisTLSFixture.nowS
        let server = try fixture.server(validity: now - 1_000...now - 500)
        #expect(try await failure(server, settings)?.text == "its certificate is invalid: certificate has expired")
    }

    @Test func aCertificateMustNameTheHost() async throws {
        let server = try fixture.server(names: ["g1.example", "*.west.example"])
        for host in ["g1.example", "g1.example.", "g2.west.example", "127.0.0.1"] {
            try await with(server, host: host, settings) { group, reactor in
                #expect(await reactor.eventually { group.available == group.everyReplica }, "\(host)")
            }
        }
        for host in ["g2.example", "a.g2.west.example"] {
            #expect(try await failure(server, host: host, settings)?.text == "its certificate is not for \(host)")
        }
        let other = try fixture.server(names: ["127.0.0.1"], addresses: ["127.0.0.2"])
        #expect(try await failure(other, settings)?.text == "its certificate is not for 127.0.0.1")
    }

    @Test func noCommandIsSentToAnUnverifiedServer() async throws {
        let server = try fixture.server(names: ["other"], addresses: [])
        _ = try await failure(server, settings)
        let calls = try server.server.cli("INFO", "commandstats")
        #expect(!calls.contains("cmdstat_ping"))
    }

    @Test func aServerMayRequireAClientCertificate() async throws {
        let server = try fixture.server(clientsNeedCertificates: true)
        try await with(server, settings) { group, reactor in
            // In TLS 1.3, the server rejects a client after the handshake. The connection may be reset before this side
            // has read the reason. A later attempt then reads it.
            #expect(
                await reactor.eventually {
                    group.status()[0].lastFailure?.text.contains("certificate required") == true
                })
            #expect(group.available.isEmpty)
        }
        try fixture.writeCertificate("client", for: .client)
        var settings = settings
        settings.tls.certificate = fixture.path("client.crt")
        settings.tls.key = fixture.path("client.key")
        try await with(server, settings) { group, reactor in
            #expect(await reactor.eventually { group.available == group.everyReplica })
        }
    }

    @Test func aReplacedFileIsReadForTheNextConnection() async throws {
        let server = try fixture.server()
        let other = try RedisTLSFixture()
        let path = fixture.path("replaced.pem")
        var settings = settings
        settings.tls.authorities = path
        let right = fixture.path("ca.pem")
        let wrong = other.path("ca.pem")
        try await with(server, settings) { group, reactor in
            func copy(_ source: String) throws { try RedisTLSFixture.copy(source, to: path) }
            #expect(await reactor.eventually { group.status()[0].lastFailure != nil })
            #expect(group.status()[0].lastFailure?.text == "the file of authorities cannot be read")
            try copy(wrong)
            #expect(await reactor.eventually { group.status()[0].lastFailure?.text.contains("invalid") == true })
            try copy(right)
            #expect(await reactor.eventually { group.available == group.everyReplica })
            // Another version does not end the connection that exists.
            try copy(wrong)
            #expect(await group.ask(.plain("PING"), reactor) == [.status("PONG")])
        }
    }

    @Test func aKilledServerIsUsedAgainAfterItsRestart() async throws {
        let server = try fixture.server()
        try await with(server, settings) { group, reactor in
            #expect(await reactor.eventually { group.available == group.everyReplica })
            server.server.kill()
            #expect(await group.ask(.plain("PING"), reactor) == [nil])
            #expect(await reactor.eventually { group.refusesConnections(0) })
            try server.server.start()
            #expect(await reactor.eventually { group.available == group.everyReplica })
        }
    }

    @Test func aHandshakeWithoutAnswerTakesBoundedTime() async throws {
        let server = try fixture.server()
        server.server.pause()
        try await with(server, settings) { group, reactor in
            #expect(await reactor.eventually { group.status()[0].lastFailure != nil })
            #expect(group.status()[0].lastFailure?.text == "no answer to the TLS handshake")
            server.server.resume()
            #expect(await reactor.eventually { group.available == group.everyReplica })
        }
    }

    @Test func aPortWithoutTLSIsReported() async throws {
        let fixture = fixture
        let server = try fixture.server()
        let plain = try RedisEndpoint(url: "rediss://127.0.0.1:\(server.server.port)")
        let settings = settings
        try await runner.run { [reactor = runner.reactor] in
            let group = RedisReplicaGroup(
                reactor: reactor, replicas: [RedisReplica(name: "g1", endpoint: plain)], scripts: [], settings: settings
            )
            defer { group.close() }
            group.start()
            // Redis waits for the end of a command.
            #expect(
                await reactor.eventually { group.status()[0].lastFailure?.text == "no answer to the TLS handshake" })
        }
    }

    @Test func aFileThatCannotBeUsedIsReported() throws {
        try fixture.write(Array("no certificate".utf8), to: fixture.path("bad.pem"))
        try fixture.writeCertificate("one", for: .client)
        try fixture.writeCertificate("two", for: .client)
        let bad = fixture.path("bad.pem")
        func problem(_ files: RedisTLSFiles) -> RedisTLSError? {
            do throws(RedisTLSError) { try files.check() } catch { return error }
            return nil
        }
        #expect(problem(fixture.files) == nil)
        #expect(problem(RedisTLSFiles(authorities: bad))?.role == .authorities)
        #expect(problem(RedisTLSFiles(authorities: "/nowhere"))?.problem == "cannot be read")
        let certificate = fixture.path("one.crt")
        #expect(problem(RedisTLSFiles(certificate: certificate, key: fixture.path("one.key"))) == nil)
        #expect(problem(RedisTLSFiles(certificate: bad, key: fixture.path("one.key")))?.role == .certificate)
        #expect(problem(RedisTLSFiles(certificate: certificate, key: fixture.path("two.key")))?.role == .key)
        #expect(problem(RedisTLSFiles(certificate: certificate, key: bad))?.role == .key)
    }
}

/// Calls that are under way together.
private final class QuorumCalls {
    private let group: RedisReplicaGroup
    private let scheduler: Reactor
    private var calls: [QuorumCall] = []

    init(_ group: RedisReplicaGroup, _ scheduler: Reactor) {
        self.group = group
        self.scheduler = scheduler
    }

    func send(_ command: Command) {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + 30_000 * nsPerMs)
        call.send(command, to: group.everyReplica)
        calls.append(call)
    }

    func replies() async -> [Reply?] {
        for call in calls { await call.waitForAll() }
        return calls.flatMap(\.replies)
    }
}

extension RedisReplicaGroup {
    fileprivate func ask(_ command: Command, _ scheduler: Reactor) async -> [Reply?] {
        let calls = QuorumCalls(self, scheduler)
        calls.send(command)
        return await calls.replies()
    }
}
