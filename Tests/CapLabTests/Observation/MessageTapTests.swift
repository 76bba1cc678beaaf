import EventLoop
import FoundationEssentials
import TestSupport
import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct MessageTapTests {
    /// The members of the events `messages` that the tests read.
    private struct Batch: Decodable {
        struct Message: Decodable {
            let toReplica: Bool
            let kind: String
            let key: String?
            let value: String?
            let call: Int
            let result: String?
            let held: Bool?
        }

        let seen: Int
        let shown: Int
        let list: [Message]
    }

    private final class Recorder: EventSink {
        var batches: [Batch] = []
        var messages: [Batch.Message] { batches.flatMap(\.list) }
        var seen: Int { batches.reduce(0) { $0 + $1.seen } }

        func publish(_ name: StaticString, _ json: [UInt8]) {
            guard let batch = try? JSONDecoder().decode(Batch.self, from: Data(json)) else {
                Issue.record("not a batch: \(String(decoding: json, as: UTF8.self))")
                return
            }
            batches.append(batch)
        }
    }

    private func run(
        _ body: @escaping @Sendable (RelayScenario, MessageTap, Recorder) async throws -> Void
    ) async throws {
        try await RelayScenario.run { scenario in
            let recorder = Recorder()
            let lab = Lab(LabSettings(runDirectory: "/nowhere"), on: scenario.reactor)
            let tap = MessageTap(lab, recorder)
            tap.start()
            defer { tap.stop() }
            scenario.relay.tap = tap
            try await body(scenario, tap, recorder)
        }
    }

    /// Opens a connection whose first bytes are a read of `cp:seat`.
    private static func open(_ scenario: RelayScenario) async throws -> (client: Peer, server: Peer) {
        let before = scenario.server.accepted.count
        let client = try scenario.client()
        try await client.send(read)
        #expect(await scenario.eventually { scenario.server.accepted.count > before })
        return (client, try #require(scenario.server.accepted.last))
    }

    private static let read = CommandInterpreterTests.command(["HMGET", "cp:seat", "ballot"])
    private static let answer = CommandInterpreterTests.command(["6:a", "3", "ana", "0", ""])

    @Test func aCommandAndItsReplyAreShown() async throws {
        try await run { scenario, _, recorder in
            let (client, server) = try await Self.open(scenario)
            #expect(await server.expects(Self.read))
            try await server.send(Self.answer)
            #expect(await client.expects(Self.answer))
            #expect(await scenario.eventually { recorder.messages.count == 2 })
            #expect(recorder.messages.map(\.toReplica) == [true, false])
            #expect(recorder.messages.map(\.key) == ["seat", "seat"])
            #expect(recorder.messages.map(\.result) == [nil, "ok"])
            #expect(recorder.messages[1].value == "ana")
            #expect(recorder.messages[0].call == recorder.messages[1].call)
        }
    }

    @Test func aHeldMessageIsShownAtTheCutAndAfterTheHeal() async throws {
        try await run { scenario, _, recorder in
            let (client, server) = try await Self.open(scenario)
            try await server.send(Self.answer)
            #expect(await client.expects(Self.answer))
            scenario.fault(.drop)
            try await client.send(Self.read)
            #expect(await scenario.eventually { recorder.messages.contains { $0.held == true } })
            #expect(recorder.messages.count == 3)
            scenario.heal()
            #expect(await server.expects(Self.read + Self.read))
            #expect(await scenario.eventually { recorder.messages.count == 4 })
            #expect(recorder.messages[3].held == nil && recorder.messages[3].call == recorder.messages[2].call)
        }
    }

    @Test func aConnectionInUseIsFollowedFromItsNextQuietMoment() async throws {
        try await run { scenario, tap, recorder in
            tap.stop()
            let (client, server) = try await Self.open(scenario)
            // The tap is turned on between a command and its reply.
            tap.start()
            scenario.relay.tap = tap
            try await server.send(Self.answer)
            #expect(await client.expects(Self.answer))
            await scenario.reactor.sleep(forNs: 5 * nsPerMs)
            try await client.send(Self.read)
            #expect(await server.expects(Self.read + Self.read))
            try await server.send("-ERR\r\n")
            #expect(await scenario.eventually { recorder.messages.count == 2 })
            #expect(recorder.messages.map(\.result) == [nil, "error"])
        }
    }

    @Test func bytesThatAreNoCommandsAreForwardedAndNotShown() async throws {
        try await run { scenario, _, recorder in
            let (client, server) = try await scenario.pair()
            try await client.send(Self.read)
            #expect(await server.expects("hello" + Self.read))
            try await server.send("junk")
            #expect(await client.expects("welcomejunk"))
            await scenario.reactor.sleep(forNs: 250 * nsPerMs)
            #expect(recorder.messages.allSatisfy { $0.toReplica })
        }
    }

    @Test func aReplyWithoutACommandLosesThePlaceOnly() async throws {
        try await run { scenario, _, recorder in
            let (client, server) = try await Self.open(scenario)
            try await server.send(Self.answer + "+OK\r\n")
            #expect(await client.expects(Self.answer + "+OK\r\n"))
            try await client.send(Self.read)
            #expect(await server.expects(Self.read + Self.read))
            #expect(await scenario.eventually { recorder.seen > 0 })
        }
    }

    @Test func theChosenKeyComesFirstAndTheRestIsCounted() async throws {
        try await run { scenario, tap, recorder in
            tap.chosenKey = "seat"
            let (client, server) = try await Self.open(scenario)
            let other = CommandInterpreterTests.command(["HMGET", "cp:other", "ballot"])
            let background = CommandInterpreterTests.command(["PING"])
            let sent = String(repeating: other + background, count: 100) + Self.read
            try await client.send(sent)
            #expect(await server.expects(Self.read + sent))
            #expect(await scenario.eventually { recorder.seen == 202 })
            #expect(recorder.batches.allSatisfy { $0.shown <= MessageTap.maxShown && $0.shown == $0.list.count })
            #expect(recorder.messages.count { $0.key == "seat" } == 2)
        }
    }

    @Test func aLowLimitDoesNotSplitAnOperationOnTheChosenKey() async throws {
        try await run { scenario, tap, recorder in
            tap.chosenKey = "seat"
            tap.limit = 2
            let (client, server) = try await Self.open(scenario)
            let sent = String(repeating: Self.read, count: 9)
            try await client.send(sent)
            #expect(await server.expects(Self.read + sent))
            #expect(await scenario.eventually { recorder.messages.count == 10 })
        }
    }

    @Test func withoutAViewerNothingIsRead() async throws {
        try await run { scenario, tap, recorder in
            tap.stop()
            let (client, server) = try await Self.open(scenario)
            try await server.send(Self.answer)
            #expect(await client.expects(Self.answer))
            await scenario.reactor.sleep(forNs: 250 * nsPerMs)
            #expect(recorder.batches.isEmpty)
        }
    }
}
