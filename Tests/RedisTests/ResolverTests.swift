import EventLoop
import Glibc
import Replication
import Synchronization
import TestSupport
import Testing

@testable import Redis

/// A name server that answers when the test lets it.
private final class NameServer: Sendable {
    private struct State {
        var lookups = 0
        var running = 0
        var mostRunning = 0
        var answer: [String]?
    }

    private let state = Mutex(State())

    /// - Parameter answer: the answer to every lookup; nil if the test gives it later.
    init(answer: [String]? = nil) { state.withLock { $0.answer = answer } }

    var lookups: Int { state.withLock { $0.lookups } }
    var mostRunning: Int { state.withLock { $0.mostRunning } }

    func answer(_ addresses: [String]) { state.withLock { $0.answer = addresses } }

    func lookUp(_ host: String) -> [String] {
        state.withLock { state in
            state.lookups += 1
            state.running += 1
            state.mostRunning = max(state.mostRunning, state.running)
        }
        while true {
            let answer = state.withLock { state in
                if state.answer != nil { state.running -= 1 }
                return state.answer
            }
            if let answer { return answer }
            usleep(1_000)
        }
    }
}

@Suite(.timeLimit(.minutes(20))) struct ResolverTests {
    let runner: ReactorRunner

    init() throws { runner = try ReactorRunner() }

    private static func group(
        _ reactor: Reactor, port: UInt16, _ names: NameServer
    ) -> RedisReplicaGroup {
        var settings = RedisGroupSettings()
        settings.timeouts.connectMs = 100
        settings.reconnect.maxPauseMs = 50
        settings.breaker.openForMs = 10
        settings.breaker.maxOpenForMs = 10
        settings.lookUp = names.lookUp
        let endpoint = RedisEndpoint(host: "replica.example", port: port)
        return RedisReplicaGroup(
            reactor: reactor, replicas: [RedisReplica(name: "g1", endpoint: endpoint)], scripts: [], settings: settings)
    }

    @Test func everyAddressOfANameIsTried() async throws {
        let server = try RedisServer()
        // Nothing listens at the first two addresses.
        let names = NameServer(answer: ["::1", "127.0.0.2", "127.0.0.1"])
        try await runner.run { [reactor = runner.reactor] in
            let group = Self.group(reactor, port: server.port, names)
            group.start()
            #expect(await reactor.eventually { group.available == [0] })
            #expect(group.status()[0].reconnects == 0, "one attempt tries all addresses")
            group.close()
        }
    }

    @Test func anAnswerThatComesAfterTheConnectTimeoutIsUsed() async throws {
        let server = try RedisServer()
        let names = NameServer()
        try await runner.run { [reactor = runner.reactor] in
            let group = Self.group(reactor, port: server.port, names)
            group.start()
            #expect(await reactor.eventually { group.status()[0].reconnects >= 5 })
            #expect(group.status()[0].lastFailure?.summary == "no answer to the lookup of replica.example")
            names.answer(["127.0.0.1"])
            #expect(await reactor.eventually { group.available == [0] })
            #expect(names.lookups == 1, "one thread waits, however often the link tries")
            group.close()
        }
    }

    @Test func aNameWithoutAnAddressIsLookedUpAgain() async throws {
        let server = try RedisServer()
        let names = NameServer(answer: [])
        try await runner.run { [reactor = runner.reactor] in
            let group = Self.group(reactor, port: server.port, names)
            group.start()
            #expect(await reactor.eventually { names.lookups >= 3 })
            #expect(group.status()[0].lastFailure?.summary == "cannot resolve replica.example")
            names.answer(["127.0.0.1"])
            #expect(await reactor.eventually { group.available == [0] })
            #expect(names.mostRunning == 1)
            group.close()
        }
    }

    @Test func addressesAlternateBetweenTheFamilies() {
        #expect(Resolver.interleaved(["a:1", "a:2", "a:3", "1.1", "1.2"]) == ["a:1", "1.1", "a:2", "1.2", "a:3"])
        #expect(Resolver.interleaved(["1.1", "1.2", "a:1"]) == ["1.1", "a:1", "1.2"])
        #expect(Resolver.interleaved([]) == [])
    }

    @Test func theSystemFindsTheAddressesOfThisMachine() {
        #expect(Resolver.system("localhost").contains { ["127.0.0.1", "::1"].contains($0) })
        #expect(Resolver.system("no-such-host.invalid") == [])
    }
}
