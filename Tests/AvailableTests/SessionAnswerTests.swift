import EventLoop
import Replication
import TestSupport
import Testing

@testable import Available

/// Reads in a session are as available as other reads: they may lack the guarantee, but not the answer.
@Suite(.serialized, .timeLimit(.minutes(20))) struct SessionAnswerTests {
    /// The token of a session that wrote `k` at `instance`.
    private func tokenOfAWrite(at instance: APInstance) async throws -> String? {
        var request = ChangeRequest(
            key: Bytes("k".utf8), kind: .write(Bytes("mine".utf8)),
            deadlineNs: instance.reactor.nowNs + 3_000 * nsPerMs)
        request.session.token = try await instance.write("other", "v").session.token
        return try await instance.engine.change(request).session.token
    }

    private func read(
        _ instance: APInstance, _ token: String?, isRequired: Bool = false
    ) async throws(AvailableFailure) -> ReadResult {
        var request = ReadRequest(key: Bytes("k".utf8), deadlineNs: instance.reactor.nowNs + 5_000 * nsPerMs)
        request.session.token = token
        request.session.isRequired = isRequired
        return try await instance.engine.read(request)
    }

    @Test func ifEveryReplicaIsSlowTheFirstAnswerCounts() async throws {
        // Every replica is slower than the hedge delay.
        let adjust: @Sendable (inout AvailableSettings) -> Void = {
            $0.minHedgeMs = 0
            $0.maxHedgeMs = 0
        }
        try await withInstance(adjust) { instance, servers in
            let token = try await tokenOfAWrite(at: instance)
            #expect(await instance.converged("k"))
            for place in 0..<3 { servers[place].pause() }
            instance.reactor.spawn {
                await instance.reactor.sleep(forNs: 50 * nsPerMs)
                for place in 0..<3 { servers[place].resume() }
            }
            let result = try await read(instance, token)
            #expect(result.text == "mine")
            #expect(result.session.isGuaranteed == true)
        }
    }

    @Test func aWipedReplicaAnswersAgainAfterReadmission() async throws {
        try await withInstance { instance, servers in
            let token = try await tokenOfAWrite(at: instance)
            instance.group.cut = [1, 2]
            try servers[0].cli("FLUSHALL")
            let result = try await read(instance, token)
            #expect(result.value == nil)
            #expect(result.session.isGuaranteed == false)
        }
    }

    @Test func aReadSurvivesAShortInterruptionOfAllConnections() async throws {
        try await withInstance { instance, _ in
            let token = try await tokenOfAWrite(at: instance)
            instance.group.cut = [0, 1, 2]
            instance.reactor.spawn {
                await instance.reactor.sleep(forNs: 300 * nsPerMs)
                instance.group.cut = []
            }
            #expect(try await read(instance, token).text == "mine")
        }
    }

    @Test func withoutAnyReplicaARequiredSessionFailsWithNoReplica() async throws {
        try await withInstance { instance, _ in
            let token = try await tokenOfAWrite(at: instance)
            instance.group.cut = [0, 1, 2]
            await #expect { try await read(instance, token, isRequired: true) } throws: {
                ($0 as? AvailableFailure)?.code == .noReplica
            }
        }
    }

    @Test func twoRecordsThatCoverTheSessionTogetherSuffice() async throws {
        try await withTwoSites({ $0.handoffDelayMs = 60_000 }) { east, west, servers in
            east.group.cut = [1, 2]
            west.group.cut = [0, 1]
            var request = ChangeRequest(
                key: Bytes("k".utf8), kind: .write(Bytes("east".utf8)), deadlineNs: east.reactor.nowNs + 3_000 * nsPerMs
            )
            request.session.token = try await east.write("other", "v").session.token
            request.session.token = try await east.engine.change(request).session.token
            request.kind = .write(Bytes("west".utf8))
            request.deadlineNs = west.reactor.nowNs + 3_000 * nsPerMs
            let token = try await west.engine.change(request).session.token
            // The third does not answer, and the instance does not know it yet.
            west.group.cut = []
            servers[1].pause()
            defer { servers[1].resume() }
            let joined = try await read(west, token, isRequired: true)
            #expect(Set(joined.conflictTexts) == ["east", "west"])
            #expect(joined.session.isGuaranteed == true)
        }
    }

    @Test func aWriteWithTooFewAcknowledgementsBelongsToTheSession() async throws {
        try await withInstance({ $0.writeAcks = 2 }) { instance, _ in
            var request = ChangeRequest(
                key: Bytes("k".utf8), kind: .write(Bytes("before".utf8)),
                deadlineNs: instance.reactor.nowNs + 3_000 * nsPerMs)
            let before = try await instance.engine.change(request)
            #expect(await instance.converged("k"))
            instance.group.cut = [1, 2]
            request.kind = .write(Bytes("mine".utf8))
            request.session.token = before.session.token
            var token: String?
            do throws(AvailableFailure) {
                _ = try await instance.engine.change(request)
            } catch {
                #expect(error.code == .insufficientAcks)
                #expect(error.applied?.session.isGuaranteed == true)
                #expect(error.applied.map { $0.version != before.version } == true)
                token = error.applied?.session.token
            }
            // Another replica does not have it.
            instance.group.cut = [0]
            let behind = try await read(instance, token)
            #expect(behind.text == "before")
            #expect(behind.session.isGuaranteed == false)
        }
    }

    @Test func aRecordWhoseVectorCannotBeReadGuaranteesNothing() async throws {
        try await withInstance { instance, _ in
            let token = try await tokenOfAWrite(at: instance)
            #expect(await instance.converged("k"))
            instance.group.cut = [1, 2]
            _ = await instance.raw(0, "HSET", "ap:k", "vv", "what ever")
            #expect(try await read(instance, token).session.isGuaranteed == false)
        }
    }
}
