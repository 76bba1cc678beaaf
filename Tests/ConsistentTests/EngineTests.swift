import EventLoop
import Replication
import Testing
import TestSupport

@testable import Consistent

/// The engine on three real Redis servers.
@Suite(.serialized, .timeLimit(.minutes(20))) struct EngineTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    @Test func readsWhatWasWrittenAndCountsVersions() async throws {
        try await run { cp in
            #expect(try await cp.read("k").value == nil)
            #expect(try await cp.write("k", "a").version == 1)
            #expect(try await cp.write("k", "b").version == 2)
            let result = try await cp.read("k")
            #expect(result.text == "b")
            #expect(result.version == 2)
            #expect(try await cp.delete("k").version == 3)
            #expect(try await cp.read("k").value == nil)
            #expect(try await cp.delete("k") == .absent(version: 3))
            #expect(try await cp.write("k", "c").version == 4)
        }
    }

    @Test func aRepeatedWriteOfAKeyNeedsNoSecondPrepare() async throws {
        try await run { cp in
            for value in 1...10 { try await cp.write("k", "\(value)") }
            #expect(cp.counts.prepares == 1)
            #expect(cp.counts.accepts == 10)
        }
    }

    @Test func aHundredWritersOfOneKeyShareFewRoundsAndGetDistinctVersions() async throws {
        try await run { cp in
            var versions: [UInt64] = []
            for value in 0..<100 {
                cp.reactor.spawn {
                    if let result = try? await cp.write("k", "\(value)") { versions.append(result.version) }
                }
            }
            #expect(await cp.reactor.eventually { versions.count == 100 })
            #expect(Set(versions) == Set(1...100))
            #expect(cp.counts.accepts <= 10)
        }
    }

    @Test func compareAndSetFailsWithTheCurrentVersion() async throws {
        try await run { cp in
            try await cp.write("k", "a", if: .absent)
            try await cp.write("k", "b", if: .versionIs([1]))
            let refused = try await cp.write("k", "c", if: .versionIs([1]))
            #expect(refused == .preconditionFailed(version: 2, exists: true))
            #expect(try await cp.read("k").text == "b")
        }
    }

    @Test func theLossOfOneReplicaOfThreeIsInvisibleToClients() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            for victim in 0..<3 {
                servers[victim].kill()
                try await cp.write("k", "without \(victim)")
                #expect(try await cp.read("k").text == "without \(victim)")
                try servers[victim].start()
                #expect(await cp.waitForAll())
            }
        }
    }

    @Test func withoutAMajorityChangesFailAsNotApplied() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            servers[0].kill()
            servers[1].kill()
            #expect(await cp.waitForAvailable(1))
            await #expect(
                throws: StoreFailure(.noQuorum, "a majority of the replicas cannot be reached", outcome: .notApplied)
            ) {
                try await cp.write("k", "b")
            }
            do throws(StoreFailure) {
                _ = try await cp.read("k")
                Issue.record("expected a refusal")
            } catch { #expect(error.code == .noQuorum) }
            try servers[0].start()
            #expect(await cp.waitForAvailable(2))
            #expect(try await cp.read("k").text == "a")
        }
    }

    @Test func aWriteWithoutRepliesIsUnknownAndTheNextReadDecidesIt() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            servers[0].pause()
            servers[1].pause()
            do throws(StoreFailure) {
                try await cp.write("k", "b", withinMs: 200)
                Issue.record("expected no answer in time")
            } catch { #expect(error.outcome == .unknown) }
            servers[0].resume()
            servers[1].resume()
            #expect(await cp.waitForAll())
            let first = try await cp.read("k").text
            #expect(first == "a" || first == "b")
            #expect(try await cp.read("k").text == first)
        }
    }

    @Test func twoInstancesNeverLoseAnIncrement() async throws {
        try await run { cp in
            let other = CPInstance(cp.reactor, servers)
            #expect(await other.waitForAll())
            try await cp.write("n", "0")
            var done = 0
            for instance in [cp, other, cp, other] {
                cp.reactor.spawn {
                    for _ in 0..<25 { await increment("n", on: instance) }
                    done += 1
                }
            }
            #expect(await cp.reactor.eventually(withinMs: 60_000) { done == 4 })
            #expect(try await cp.read("n").text == "100")
        }
    }

    @Test func aScriptFlushIsInvisibleToClients() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            for server in servers.servers { try server.cli("SCRIPT", "FLUSH") }
            try await cp.write("k", "b")
            #expect(try await cp.read("k").text == "b")
        }
    }

    @Test func aKeyOfAnotherTypeIsAnErrorAndNotATrap() async throws {
        try await run { cp in
            for server in servers.servers { try server.cli("SET", "cp:k", "x") }
            do throws(StoreFailure) {
                try await cp.write("k", "a")
                Issue.record("expected a refusal")
            } catch {
                #expect(error.code == .badReply)
                #expect(error.outcome == .notApplied)
            }
            do throws(StoreFailure) {
                _ = try await cp.read("k")
                Issue.record("expected a refusal")
            } catch { #expect(error.code == .badReply) }
            try await cp.write("other", "a")
        }
    }

    @Test func aMajorityWithFullMemoryIsReportedAndStillServesReads() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            for replica in 0..<2 { _ = await cp.ask(replica, "CONFIG", "SET", "maxmemory", "1000") }
            do throws(StoreFailure) {
                try await cp.write("new", "v")
                Issue.record("expected a refusal")
            } catch {
                #expect(error.code == .replicaFull)
                #expect(error.outcome == .notApplied)
                #expect(error.detail.hasSuffix("its memory or disk is full"))
            }
            // The cached promise saves phase 1, so one replica has accepted the value, and it may still be chosen.
            do throws(StoreFailure) {
                try await cp.write("k", "b")
                Issue.record("expected a refusal")
            } catch {
                #expect(error.code == .replicaFull)
                #expect(error.outcome == .unknown)
            }
            for replica in 0..<2 { _ = await cp.ask(replica, "CONFIG", "SET", "maxmemory", "0") }
            try await cp.write("k", "c")
            #expect(try await cp.read("k").text == "c")
        }
    }

    @Test func deletesAndTombstoneGCWorkWhileMemoryIsFull() async throws {
        try await run { cp in
            for key in 0..<5 { try await cp.write("k\(key)", "a") }
            for replica in 0..<3 { _ = await cp.ask(replica, "CONFIG", "SET", "maxmemory", "1000") }
            // An instance without cached promises, so that the deletes need both phases.
            let other = CPInstance(cp.reactor, servers)
            defer { other.close() }
            #expect(await other.waitForAll())
            do throws(StoreFailure) {
                try await other.write("k0", "b")
                Issue.record("expected a refusal")
            } catch {
                #expect(error.code == .replicaFull)
                #expect(error.outcome == .notApplied)
            }
            #expect(try await cp.delete("k0").version == 2)
            for key in 1..<5 { #expect(try await other.delete("k\(key)").version == 2) }
            #expect(try await other.read("k1").value == nil)
            #expect(
                await cp.reactor.eventually {
                    await cp.engine.repair.step()
                    await other.engine.repair.step()
                    for key in 0..<5 where await cp.holders(of: "k\(key)") != 0 { return false }
                    return true
                })
        }
    }

    @Test func aWipedReplicaDoesNotVote() async throws {
        try await run { cp in
            try await cp.write("k", "a")
            try servers[0].cli("FLUSHALL")
            // Only g3 still has the write and answers. g1 must not report "absent", and must not complete a majority.
            servers[1].pause()
            do throws(StoreFailure) {
                let result = try await cp.read("k", withinMs: 300)
                Issue.record("a blank replica voted: \(result)")
            } catch { #expect([.rebuilding, .noQuorum].contains(error.code)) }
            do throws(StoreFailure) {
                let result = try await cp.write("other", "b", withinMs: 300)
                Issue.record("a blank replica accepted a write: \(result)")
            } catch {
                #expect([.rebuilding, .noQuorum].contains(error.code))
                #expect(error.outcome == .notApplied)
            }
            #expect(try servers[0].cli("DBSIZE") == "0")
            servers[1].resume()
            #expect(await cp.waitForAll())
            #expect(try await cp.read("k").text == "a")
            #expect(try await cp.write("k", "b") == .applied(version: 2, replicasAcked: 2))
        }
    }

    /// The GC watermarks of other keys differ per replica. None of them may be reported as a version of this key.
    @Test func anAbsentKeyShowsNoVersionAndItsNextChangeIsAboveWhatWasCollected() async throws {
        try await run { cp in
            for server in servers.servers { try server.cli("SET", "cap:gc_version", "7") }
            #expect(await cp.readiness() == nil)
            #expect(try await cp.read("k").version == 0)
            #expect(cp.counts.fastReads == 1)
            #expect(try await cp.write("k", "a").version == 8)
        }
    }

    @Test func aNewInstanceBesideAWipedReplicaPassesTheOldBallots() async throws {
        try await run { cp in
            for value in 1...200 { try await cp.write("k", "\(value)") }
            try servers[0].cli("FLUSHALL")
            let other = CPInstance(cp.reactor, servers)
            #expect(await other.waitForAll())
            try await other.write("k", "new")
            #expect(try await cp.read("k").text == "new")
        }
    }

    @Test func anImpossibleBallotIsAnErrorAndNotATrap() async throws {
        try await run { cp in
            for server in servers.servers {
                try server.cli("HSET", "cp:k", "promise", "9007199254740991:ffffffffffffffff")
            }
            do throws(StoreFailure) {
                try await cp.write("k", "a", withinMs: 300)
                Issue.record("expected a refusal")
            } catch { #expect(error.outcome == .notApplied) }
            try await cp.write("other", "a")
        }
    }

    @Test func aValueExpiresForAllAfterTheFirstInstanceNotices() async throws {
        try await run { cp in
            try await cp.write("k", "a", ttlMs: 1)
            #expect(await cp.reactor.eventually { (try? await cp.read("k"))?.value == nil })
            #expect(try await cp.read("k").version == 2)
        }
    }

    @Test func binaryKeysAndValuesRoundTrip() async throws {
        try await run { cp in
            let key = Bytes(0...255)
            let deadlineNs = cp.reactor.nowNs + 15_000 * nsPerMs
            let write = ChangeRequest(key: key, kind: .write(key.reversed()), deadlineNs: deadlineNs)
            _ = try await cp.engine.change(write)
            #expect(try await cp.engine.read(ReadRequest(key: key, deadlineNs: deadlineNs)).value == key.reversed())
        }
    }
}

private func increment(_ key: String, on instance: CPInstance) async {
    while true {
        guard let current = try? await instance.read(key), let text = current.text, let number = Int(text)
        else { continue }
        do throws(StoreFailure) {
            let result = try await instance.write(key, "\(number + 1)", if: .versionIs([current.version]))
            if case .applied = result { return }
        } catch {
            if error.outcome == .unknown { Issue.record("unknown outcome without a fault") }
        }
    }
}
