import Testing

@testable import CapLab

private let second: UInt64 = 1_000_000_000

/// An acknowledged write at a time in seconds. `after`: the values that its context covers; nil for a write without a
/// context.
private func write(
    _ value: String, _ at: UInt64, after shown: [String]?, acks: Int = 1,
    outcome: APOperation.Outcome = .ok
) -> APOperation {
    APOperation(
        client: 1, site: .east, key: "k", kind: .write, value: value, hasContext: shown != nil, shown: shown ?? [],
        outcome: outcome,
        replicasAcked: acks, callNs: at * second, returnNs: at * second + 1_000_000)
}

private func read(_ shown: [String], _ at: UInt64, stalenessMs: Double?) -> APOperation {
    APOperation(
        client: 2, site: .east, key: "k", kind: .read, shown: shown, outcome: .ok, stalenessMs: stalenessMs,
        callNs: at * second,
        returnNs: at * second + 1_000_000)
}

private func violations(
    _ history: [APOperation], final: [String], kills: [(replica: String, atNs: UInt64)] = []
) -> [String] {
    let verdict = APVerdict(history, final: ["k": final], kills: kills)
    return verdict.lost + verdict.invented + verdict.stale
}

/// The check of `app-ap` must fail on violations.
@Suite(.timeLimit(.minutes(20))) struct CheckAPTests {
    @Test func aValueThatIsPresentOrOverwrittenByAReaderIsNotLost() {
        let history = [
            write("a", 1, after: []), write("b", 1, after: []), write("c", 2, after: ["a", "b"]),
            write("d", 3, after: ["c"]), write("e", 3, after: []),
        ]
        #expect(violations(history, final: ["d", "e"]) == [])
    }

    @Test func aLostWriteIsAViolation() {
        // The context of c covers only a.
        let history = [write("a", 1, after: []), write("b", 1, after: []), write("c", 2, after: ["a"])]
        #expect(
            violations(history, final: ["c"]) == [
                "k: b is lost: acknowledged by 1, neither present nor replaced by a client that had read it"
            ])
        #expect(violations(history, final: []).count == 3)
    }

    @Test func aDeleteRemovesWhatItsContextCovers() {
        var delete = APOperation(
            client: 1, site: .east, key: "k", kind: .delete, hasContext: true, shown: ["a"], outcome: .ok,
            replicasAcked: 1,
            callNs: 2 * second, returnNs: 2 * second + 1_000_000)
        #expect(violations([write("a", 1, after: []), delete], final: []) == [])
        delete.outcome = .notApplied
        #expect(violations([write("a", 1, after: []), delete], final: []).count == 1)
    }

    @Test func aWriteWithoutAContextReplacesOnlyEarlierOnes() {
        let history = [write("a", 1, after: nil), write("b", 2, after: nil), write("c", 2, after: nil)]
        #expect(violations(history, final: ["c"]) == [])
        #expect(violations(history, final: ["b"]) == [])
        #expect(violations(history, final: ["a"]).count == 2)
    }

    @Test func anUnknownWriteMayBePresentOrAbsent() {
        let history = [write("a", 1, after: []), write("b", 2, after: ["a"], outcome: .unknown)]
        #expect(violations(history, final: ["a"]) == [])
        #expect(violations(history, final: ["b"]) == [])
        #expect(violations(history, final: []).count == 1)
    }

    @Test func aReadOfARejectedWriteIsAViolation() {
        let history = [write("a", 1, after: [], outcome: .notApplied), read(["a"], 2, stalenessMs: nil)]
        #expect(
            violations(history, final: []) == [
                "k: a read returned a, whose write was reported as not applied"
            ])
        #expect(violations([read(["x"], 2, stalenessMs: nil)], final: []).count == 1)
    }

    @Test func aReadOlderThanItsStalenessIsAViolation() {
        let history = [write("a", 1, after: []), write("b", 3, after: ["a"])]
        func stale(_ shown: [String], _ stalenessMs: Double?) -> [String] {
            violations(history + [read(shown, 5, stalenessMs: stalenessMs)], final: ["b"])
        }
        #expect(stale(["b"], 0) == [])
        #expect(stale(["a"], nil) == [])
        #expect(stale(["a"], 2_000) == [])
        #expect(
            stale(["a"], 1_900) == [
                "k: a read with staleness_ms 1900 lacks b, acknowledged 1999 ms before it"
            ])
    }

    @Test func aWriteMayBeLostWithTheReplicasThatAcknowledgedIt() {
        let two = write("a", 1, after: [], acks: 2)
        #expect(violations([two], final: [], kills: [("g1", 2 * second)]).count == 1)
        #expect(violations([two], final: [], kills: [("g1", 2 * second), ("g1", 3 * second)]).count == 1)
        #expect(violations([two], final: [], kills: [("g1", 2 * second), ("g2", 3 * second)]) == [])
        // When g2 was killed, the write was already on its disk.
        #expect(violations([two], final: [], kills: [("g1", 2 * second), ("g2", 6 * second)]).count == 1)
        // g3 coordinated the write, so a kill of g1 does not explain the loss.
        var one = write("a", 1, after: [])
        one.replica = "g3"
        #expect(violations([one], final: [], kills: [("g1", 2 * second)]).count == 1)
        let verdict = APVerdict([write("a", 1, after: [])], final: ["k": []], kills: [("g1", 2 * second)])
        #expect(verdict.lossesByKills == 1)
    }

    @Test func anAnswerIsConvertedToItsOutcome() {
        func outcome(_ kind: APOperation.Kind, _ status: Int, _ body: String) -> APOperation.Outcome {
            var operation = APOperation(client: 1, site: .east, key: "k", kind: kind, callNs: 1)
            operation.note(Answer(status: status, tookMs: 1, body: body), returnNs: 2)
            return operation.outcome
        }
        #expect(outcome(.write, 200, "{\"outcome\":\"applied\",\"replicas_acked\":1}") == .ok)
        #expect(outcome(.write, 503, "{\"outcome\":\"applied\",\"replicas_acked\":1}") == .ok)
        #expect(outcome(.write, 503, "{\"outcome\":\"not_applied\"}") == .notApplied)
        #expect(outcome(.write, 503, "{\"outcome\":\"unknown\"}") == .unknown)
        #expect(outcome(.write, 504, "") == .unknown)
        #expect(outcome(.read, 404, "{}") == .ok)
        #expect(outcome(.read, 503, "{}") == .notApplied)
        #expect(!Answer(status: 404, tookMs: 1, body: "{}").isAnswer(to: .write))
        #expect(!Answer.missing(isSent: true).isAnswer(to: .read))
    }
}
