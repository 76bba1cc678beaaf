import Replication
import Testing

@testable import Consistent

private let writer = RegisterState.Writer(proposer: 7, number: 1, attempt: 1)
private func bytes(_ text: String) -> Bytes { Bytes(text.utf8) }
private func write(_ text: String, ttlMs: Int64? = nil, if precondition: Precondition? = nil) -> Operation {
    .write(bytes(text), ttlMs: ttlMs, precondition: precondition)
}

@Suite(.timeLimit(.minutes(20))) struct ApplyTests {
    let absent = RegisterState.absent(gcVersion: 0)

    @Test func eachChangeOfABatchGetsAVersionOfItsOwn() {
        let outcome = absent.applying([write("a"), write("b"), .read], as: writer, nowMs: 0)
        #expect(outcome.results[0] == .applied(version: 1))
        #expect(outcome.results[1] == .applied(version: 2))
        #expect(outcome.results[2] == .state(outcome.state) || outcome.isChanged)
        #expect(outcome.state.value == bytes("b"))
        #expect(outcome.state.writers == [writer])
    }

    @Test func readsAndFailedConditionsChangeNothing() {
        let one = absent.applying([write("a")], as: writer, nowMs: 0).state
        let outcome = one.applying([.read, write("b", if: .absent)], as: writer, nowMs: 0)
        #expect(!outcome.isChanged)
        #expect(outcome.state == one)
        #expect(outcome.results == [.state(one), .preconditionFailed(version: 1, exists: true)])
    }

    @Test func aVersionAbove53BitsIsRejected() {
        func fields(version: String, evictedAt: String) -> [Reply] {
            [version, "v", "0", "", "", evictedAt].map { .bulk(bytes($0)) }
        }
        #expect(RegisterState(fields: fields(version: "9007199254740991", evictedAt: "1")[...]) != nil)
        #expect(RegisterState(fields: fields(version: "9007199254740992", evictedAt: "1")[...]) == nil)
        #expect(RegisterState(fields: fields(version: "2", evictedAt: "9007199254740992")[...]) == nil)
    }

    @Test func compareAndSetRequiresTheCurrentVersion() {
        let one = absent.applying([write("a")], as: writer, nowMs: 0).state
        let results = one.applying(
            [write("b", if: .versionIs([1])), write("c", if: .versionIs([1])), write("d", if: .versionIsNot([1]))],
            as: writer, nowMs: 0
        ).results
        #expect(results == [.applied(version: 2), .preconditionFailed(version: 2, exists: true), .applied(version: 3)])
    }

    @Test func ofTwoConditionsBothMustHold() {
        let one = absent.applying([write("a")], as: writer, nowMs: 0).state
        for (second, isMet) in [(Precondition.versionIsNot([2]), true), (.versionIsNot([1]), false), (.absent, false)] {
            let results = one.applying([write("b", if: .both(.exists, second))], as: writer, nowMs: 0).results
            #expect(results == [isMet ? .applied(version: 2) : .preconditionFailed(version: 1, exists: true)])
        }
    }

    @Test func aVersionListNeverMatchesWhatDoesNotExist() {
        let results = absent.applying(
            [write("a", if: .versionIs([0])), write("a", if: .exists), .delete(precondition: .versionIs([0]))],
            as: writer, nowMs: 0
        ).results
        #expect(results == Array(repeating: .preconditionFailed(version: 0, exists: false), count: 3))
    }

    @Test func versionsContinueAcrossADelete() {
        let outcome = absent.applying(
            [write("a"), .delete(precondition: nil), .delete(precondition: nil), write("b")], as: writer, nowMs: 0)
        #expect(
            outcome.results
                == [.applied(version: 1), .applied(version: 2), .absent(version: 2), .applied(version: 3)])
    }

    @Test func expiryIsAChangeThatIsCommittedBeforeAnythingElse() {
        let one = absent.applying([write("a", ttlMs: 100)], as: writer, nowMs: 1_000).state
        #expect(one.expiresMs == 1_100)
        #expect(!one.applying([.read], as: writer, nowMs: 1_099).isChanged)
        let later = one.applying([.delete(precondition: nil)], as: writer, nowMs: 1_100)
        #expect(later.isChanged)
        #expect(later.state.isDeleted)
        #expect(later.results == [.absent(version: 2)])
    }

    @Test func theSeventeenthWriterEvictsTheFirstAndRecordsTheVersion() {
        var state = absent
        for proposer in 1...17 {
            let writer = RegisterState.Writer(proposer: UInt64(proposer), number: 1, attempt: 1)
            state = state.applying([write("\(proposer)")], as: writer, nowMs: 0).state
        }
        #expect(state.writers.count == 16)
        #expect(state.writers.first?.proposer == 2)
        #expect(state.evictedAt == 17)
    }

    @Test func writersRoundTripThroughTheirText() {
        let state = absent.applying([write("a")], as: writer, nowMs: 0).state
        #expect(RegisterState.writers(from: state.writersText) == state.writers)
        #expect(RegisterState.writers(from: bytes("x:1:1")) == nil)
        #expect(RegisterState.writers(from: []) == [])
    }
}

@Suite(.timeLimit(.minutes(20))) struct BallotTests {
    @Test func theCounterDecidesBeforeTheProposer() {
        #expect(Ballot(counter: 9, proposer: .max) < Ballot(counter: 10, proposer: 0))
        #expect(Ballot(counter: 9, proposer: 1) < Ballot(counter: 9, proposer: 2))
    }

    @Test func textRoundTrips() {
        let ballot = Ballot(counter: 42, proposer: 0xAB)
        #expect(String(decoding: ballot.text, as: UTF8.self) == "42:00000000000000ab")
        #expect(Ballot(text: ballot.text) == ballot)
        for bad in ["", "1", "1:ab", ":00000000000000ab", "-1:00000000000000ab", "1:00000000000000AB"] {
            #expect(Ballot(text: bytes(bad)) == nil)
        }
    }

    @Test func aReportedBallotLeavesRoomForHigherOnes() throws {
        let highest = try #require(Ballot(text: bytes("4503599627370495:0000000000000001")))
        #expect(highest.next.counter == 1 << 52)
        #expect(Ballot(text: highest.next.text) == nil)
    }
}
