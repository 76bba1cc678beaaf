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
            deadlineNs: instance.reactor.nowNs + 15_000 * nsPerMs)
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
            $0.timeouts.minHedgeMs = 0
            $0.timeouts.maxHedgeMs = 0
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
        try await withTwoSites({ $0.background.handoffDelayMs = 60_000 }) { east, west, servers in
            east.group.cut = [1, 2]
            west.group.cut = [0, 1]
            var request = ChangeRequest(
                key: Bytes("k".utf8), kind: .write(Bytes("east".utf8)),
                deadlineNs: east.reactor.nowNs + 15_000 * nsPerMs
            )
            request.session.token = try await east.write("other", "v").session.token
            request.session.token = try await east.engine.change(request).session.token
            request.kind = .write(Bytes("west".utf8))
            request.deadlineNs = west.reactor.nowNs + 15_000 * nsPerMs
            let token = try await west.engine.change(request).session.token
            // g2 does not answer, and the instance has not detected that yet.
            west.group.cut = []
            servers[1].pause()
            defer { servers[1].resume() }
            let joined = try await read(west, token, isRequired: true)
            #expect(Set(joined.conflictTexts) == ["east", "west"])
            #expect(joined.session.isGuaranteed == true)
        }
    }

    /// The second answer takes longer than the hedge delay, but no longer than is usual for its replica.
    @Test func aDistantReplicaIsWaitedForAsLongAsItUsuallyTakes() async throws {
        try await withInstance({
            $0.background.handoffDelayMs = 60_000
            $0.timeouts.minHedgeMs = 5
            $0.timeouts.maxHedgeMs = 20
            $0.timeouts.callMs = 1_000
        }) { instance, servers in
            instance.group.cut = [0, 1]
            let token = try await tokenOfAWrite(at: instance)
            #expect(await instance.hints(2, 0) == 2)
            instance.group.cut = [1]
            instance.group.latencyMs = [2: 300]
            servers[2].pause()
            instance.reactor.spawn {
                await instance.reactor.sleep(forNs: 150 * nsPerMs)
                servers[2].resume()
            }
            let result = try await read(instance, token)
            #expect(result.text == "mine")
            #expect(result.session.isGuaranteed == true)
        }
    }

    @Test func aReadThatFindsSeveralValuesIsCountedOnce() async throws {
        try await withInstance({ $0.background.handoffDelayMs = 60_000 }) { instance, _ in
            try await instance.makeConflict("k")
            instance.group.cut = [1, 2]
            let token = try await tokenOfAWrite(at: instance)
            #expect(await instance.hints(0, 1) == 2)
            instance.group.cut = [0]
            instance.events.conflicts = 0
            let result = try await read(instance, token)
            #expect(result.session.isGuaranteed == false)
            #expect(result.conflicts.count == 2)
            #expect(instance.events.conflicts == 1)
        }
    }

    @Test func aWriteWithTooFewAcknowledgementsBelongsToTheSession() async throws {
        try await withInstance({ $0.writeAcks = 2 }) { instance, _ in
            var request = ChangeRequest(
                key: Bytes("k".utf8), kind: .write(Bytes("before".utf8)),
                deadlineNs: instance.reactor.nowNs + 15_000 * nsPerMs)
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
            // The other replicas do not have the write.
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
