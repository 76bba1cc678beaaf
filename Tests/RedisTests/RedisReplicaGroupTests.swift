import EventLoop
import Replication
import Testing
import TestSupport

@testable import Redis

private let echo = Script(name: "echo", source: Bytes("return ARGV[1]".utf8))

/// A group on real servers, used from the reactor's thread only.
private final class Fixture {
    let group: RedisReplicaGroup
    let scheduler: Reactor

    init(_ reactor: Reactor, _ servers: [RedisServer], settings: RedisGroupSettings = RedisGroupSettings()) {
        scheduler = reactor
        let replicas = servers.enumerated().map { index, server in
            RedisReplica(name: "g\(index + 1)", endpoint: RedisEndpoint(host: "127.0.0.1", port: server.port))
        }
        group = RedisReplicaGroup(reactor: reactor, replicas: replicas, scripts: [echo], settings: settings)
        group.identityCheck = .plain("GET", "guard")
        group.start()
    }

    deinit { group.close() }

    func ask(_ command: Command, withinMs: UInt64 = 2_000) async -> [Reply?] {
        await call(command, withinMs: withinMs).replies
    }

    func call(_ command: Command, withinMs: UInt64 = 2_000) async -> QuorumCall {
        let deadlineNs = scheduler.nowNs + withinMs * nsPerMs
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
        call.send(command, to: group.everyReplica)
        await call.waitForAll()
        return call
    }

    func waitForAll() async -> Bool { await scheduler.eventually { self.group.available == self.group.everyReplica } }
}

@Suite(.timeLimit(.minutes(20))) struct RedisReplicaGroupTests {
    let runner: ReactorRunner

    init() throws { runner = try ReactorRunner() }

    @Test func everyReplicaRunsAScriptWithItsOwnArguments() async throws {
        let servers = try [RedisServer(), RedisServer()]
        let replies = try await runner.run { [reactor = runner.reactor] in
            let fixture = Fixture(reactor, servers)
            #expect(await fixture.waitForAll())
            let command = Command(.script(echo, keys: []), tailCount: 1) { [Bytes("to \($0)".utf8)] }
            return await fixture.ask(command)
        }
        #expect(replies == [.bulk(Bytes("to 0".utf8)), .bulk(Bytes("to 1".utf8))])
    }

    @Test func afterAScriptFlushTheScriptsAreLoadedAgain() async throws {
        let server = try RedisServer()
        try await runner.run { [reactor = runner.reactor] in
            let fixture = Fixture(reactor, [server])
            #expect(await fixture.waitForAll())
            try server.cli("SCRIPT", "FLUSH")
            let command = Command(.script(echo, keys: []), arguments: [Bytes("x".utf8)])
            guard case .error(let text)? = await fixture.ask(command)[0] else {
                Issue.record("expected a refusal")
                return
            }
            #expect(text.hasPrefix("NOSCRIPT"))
            #expect(await fixture.ask(command) == [.bulk(Bytes("x".utf8))])
        }
    }

    @Test func anIdentityCheckFollowsTheRead() async throws {
        let server = try RedisServer()
        try server.cli("SET", "guard", "member")
        try server.cli("SET", "a", "1")
        let replies = try await runner.run { [reactor = runner.reactor] in
            let fixture = Fixture(reactor, [server])
            #expect(await fixture.waitForAll())
            return await fixture.ask(.plain("GET", "a", checksIdentity: true))
        }
        #expect(replies == [.array([.bulk(Bytes("1".utf8)), .bulk(Bytes("member".utf8))])])
    }

    @Test func aKilledServerIsDetectedAndUsedAgainAfterItsRestart() async throws {
        let server = try RedisServer()
        try await runner.run { [reactor = runner.reactor] in
            let fixture = Fixture(reactor, [server])
            #expect(await fixture.waitForAll())
            server.kill()
            #expect(await reactor.eventually { fixture.group.available.isEmpty })
            #expect(await fixture.ask(.plain("PING")) == [nil])
            #expect(await reactor.eventually { fixture.group.status()[0].breaker.state == .open })
            #expect(fixture.group.refusesConnections(0))
            #expect(!fixture.group.rejectsCommands(0))
            try server.start()
            #expect(await fixture.waitForAll())
            #expect(await fixture.ask(.plain("PING")) == [.status("PONG")])
        }
    }

    @Test func aStoppedServerLosesItsCallsInBoundedTime() async throws {
        let server = try RedisServer()
        try await runner.run { [reactor = runner.reactor] in
            let fixture = Fixture(reactor, [server])
            #expect(await fixture.waitForAll())
            server.pause()
            #expect(await fixture.ask(.plain("PING"), withinMs: 5_000) == [nil])
            #expect(fixture.group.available.isEmpty)
            server.resume()
            #expect(await fixture.waitForAll())
        }
    }

    @Test func anIdleLinkDetectsAStoppedServerAsSoonAsABusyOne() async throws {
        let server = try RedisServer()
        try await runner.run { [reactor = runner.reactor] in
            var settings = RedisGroupSettings()
            settings.timeouts.pingIntervalMs = 60_000
            let fixture = Fixture(reactor, [server], settings: settings)
            #expect(await fixture.waitForAll())
            server.pause()
            // Without a reply, the call fails when the link is closed, long before the call's own deadline and the next
            // ping.
            #expect(await fixture.ask(.plain("PING"), withinMs: 30_000) == [nil])
            #expect(fixture.group.available.isEmpty)
            server.resume()
        }
    }

    @Test func commandsBeyondTheLimitAreNotSent() async throws {
        let server = try RedisServer()
        try await runner.run { [reactor = runner.reactor] in
            var settings = RedisGroupSettings()
            settings.limits.maxInFlight = 3
            let fixture = Fixture(reactor, [server], settings: settings)
            #expect(await fixture.waitForAll())
            let call = QuorumCall(group: fixture.group, scheduler: reactor, deadlineNs: reactor.nowNs + 1_000_000_000)
            for _ in 0..<4 { call.send(.plain("PING"), to: [0]) }
            #expect(call.overloaded == [0])
            await call.waitForAll()
            #expect(call.replies == [.status("PONG")])
        }
    }

    @Test func aWrongPasswordIsReported() async throws {
        let server = try RedisServer(["--requirepass", "right"])
        try await runner.run { [reactor = runner.reactor] in
            let fixture = Fixture(reactor, [server])
            #expect(await reactor.eventually { fixture.group.rejectsCommands(0) })
            let failure = fixture.group.status()[0].lastFailure
            #expect(failure?.summary == "it rejected PING: the password is missing or wrong")
            #expect(failure?.text == "it rejected PING: NOAUTH Authentication required.")
            #expect(!fixture.group.refusesConnections(0))
            #expect(fixture.group.available.isEmpty)
        }
    }

    /// Redis sends this error before any command. The error must not crash hiredis.
    @Test func theErrorOfAServerWithTooManyClientsIsReported() async throws {
        let server = try RedisServer(["--maxclients", "1"])
        try await runner.run { [reactor = runner.reactor] in
            let first = Fixture(reactor, [server])
            #expect(await first.waitForAll())
            let second = Fixture(reactor, [server])
            #expect(
                await reactor.eventually {
                    second.group.status()[0].lastFailure?.text.contains("max number of clients") == true
                })
            #expect(
                second.group.status()[0].lastFailure?.summary.hasSuffix("rejected PING: it has too many clients")
                    == true)
            #expect(second.group.available.isEmpty)
            #expect(first.group.available == first.group.everyReplica)
        }
    }

    /// Rules A7 and C9: the server still answers reads.
    @Test func aServerThatRejectsWritesKeepsItsBreakerClosed() async throws {
        let server = try RedisServer()
        try await runner.run { [reactor = runner.reactor] in
            let fixture = Fixture(reactor, [server])
            #expect(await fixture.waitForAll())
            for setting in [["ACL", "SETUSER", "default", "-set"], ["CONFIG", "SET", "maxmemory", "1000"]] {
                try server.cli(setting)
                for _ in 0..<20 {
                    guard case .error? = await fixture.ask(.plain("SET", "k", "v"))[0] else {
                        Issue.record("expected a rejection")
                        return
                    }
                }
                #expect(fixture.group.status()[0].breaker.totals.failures == 0)
                #expect(await fixture.ask(.plain("GET", "k")) == [.null])
                try server.cli("ACL", "SETUSER", "default", "+set")
            }
        }
    }

    @Test func aServerThatIsReadOnlyOpensItsBreaker() async throws {
        let server = try RedisServer()
        try await runner.run { [reactor = runner.reactor] in
            let fixture = Fixture(reactor, [server])
            #expect(await fixture.waitForAll())
            try server.cli("REPLICAOF", "127.0.0.1", "1")
            #expect(
                await reactor.eventually {
                    _ = await fixture.ask(.plain("SET", "k", "v"))
                    return fixture.group.rejectsCommands(0)
                })
            #expect(fixture.group.status()[0].breaker.totals.opened > 0)
            try server.cli("REPLICAOF", "NO", "ONE")
            #expect(await fixture.waitForAll())
        }
    }

    @Test func aLongReplyBeyondTheBudgetIsDropped() async throws {
        let server = try RedisServer()
        for key in ["a", "b"] { try server.cli("SET", key, String(repeating: "x", count: 60_000)) }
        try server.cli("SET", "short", "x")
        try server.cli("SETRANGE", "longer", "199999", "x")
        try await runner.run { [reactor = runner.reactor] in
            var settings = RedisGroupSettings()
            settings.limits.maxHeldReplyBytes = 100_000
            let fixture = Fixture(reactor, [server], settings: settings)
            #expect(await fixture.waitForAll())
            let kept = await fixture.call(.plain("GET", "a", checksIdentity: true))
            #expect(kept.answered.contains(0))
            let dropped = await fixture.call(.plain("GET", "b", checksIdentity: true))
            #expect(dropped.overBudget.contains(0) && dropped.lost.contains(0) && dropped.answered.isEmpty)
            // Short replies do not count. The reply to a command without an identity check is never dropped.
            #expect(await fixture.call(.plain("GET", "short", checksIdentity: true)).answered.contains(0))
            let needed = await fixture.call(.plain("GET", "b"))
            #expect(needed.answered.contains(0))
            for call in [kept, needed] { call.close() }
            #expect(kept.reply(from: 0) == nil)
            let second = await fixture.call(.plain("GET", "b", checksIdentity: true))
            #expect(second.answered.contains(0))
            second.close()
            // A single reply may exceed the budget.
            #expect(await fixture.call(.plain("GET", "longer", checksIdentity: true)).answered.contains(0))
        }
    }

    @Test func aReplyToAClosedCallIsNotHeld() async throws {
        let server = try RedisServer()
        try server.cli("SET", "a", String(repeating: "x", count: 60_000))
        try await runner.run { [reactor = runner.reactor] in
            var settings = RedisGroupSettings()
            settings.limits.maxHeldReplyBytes = 100_000
            let fixture = Fixture(reactor, [server], settings: settings)
            #expect(await fixture.waitForAll())
            var closed: [QuorumCall] = []
            for _ in 0..<5 {
                let call = QuorumCall(group: fixture.group, scheduler: reactor, deadlineNs: reactor.nowNs + nsPerMs)
                call.send(.plain("GET", "a", checksIdentity: true), to: [0])
                call.close()
                #expect(await reactor.eventually { call.answered.contains(0) })
                closed.append(call)
            }
            #expect(closed.allSatisfy { $0.overBudget.isEmpty })
        }
    }

    @Test(arguments: ["$536870912\r\n", "*1000000000\r\n$5\r\n", "*2\r\n$-1\r\n$536870912\r\n"])
    func aReplyLongerThanAnyAnswerClosesTheConnection(answer: String) async throws {
        let server = try HostileServer(answer: answer)
        defer { server.stop() }
        try await runner.run { [reactor = runner.reactor] in
            let replica = RedisReplica(name: "g1", endpoint: RedisEndpoint(host: "127.0.0.1", port: server.port))
            let group = RedisReplicaGroup(
                reactor: reactor, replicas: [replica], scripts: [], settings: RedisGroupSettings())
            group.start()
            #expect(await reactor.eventually { group.available == [0] })
            let call = QuorumCall(group: group, scheduler: reactor, deadlineNs: reactor.nowNs + 30_000 * nsPerMs)
            call.send(.plain("GET", "a"), to: [0])
            await call.waitForAll()
            #expect(call.lost.contains(0))
            #expect(group.status()[0].lastFailure != nil)
            group.close()
        }
        #expect(server.sentBytes < 64 << 20, "the reply may have 32 MiB, and the socket buffers hold a few more")
    }
}
