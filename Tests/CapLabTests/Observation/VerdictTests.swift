import Testing

@testable import CapLab

@Suite(.timeLimit(.minutes(20))) struct VerdictTests {
    /// The answer with this number. Requests begin 10 ms apart.
    private func answer(
        _ number: Int, _ op: AnswerEvent.Operation, service: String = "app_cp", key: String = "k", sent: String? = nil,
        status: Int = 200, outcome: String? = nil, value: String? = nil, version: Int? = nil, tookMs: Double = 2
    ) -> AnswerEvent {
        .fixture(
            number, op, service: service, key: key, sent: sent, atMs: Double(number) * 10, tookMs: tookMs,
            reply: .fixture(status: status, outcome: outcome, value: value, version: version))
    }

    private func check(_ answers: [AnswerEvent]) -> CPHistory.Result {
        let operations = answers.compactMap { CPHistory.operation($0, client: 0) }
        return CPHistory.check(Dictionary(grouping: operations, by: \.key), services: Topology.pair.services)
    }

    // MARK: CP

    @Test func anOrdinaryHistoryIsLinearizable() {
        let result = check([
            answer(0, .read, status: 404, version: 0), answer(1, .write, sent: "ana", version: 1),
            answer(2, .read, value: "ana", version: 1), answer(3, .cas, sent: "bob", version: 2),
            answer(4, .cas, sent: "eve", status: 412, outcome: "not_applied", version: 2),
            answer(5, .delete, version: 3), answer(6, .delete, status: 404, version: 3),
            answer(7, .write, sent: "ana", status: 503, outcome: "not_applied"),
            answer(8, .write, sent: "ana", version: 4), answer(9, .read, value: "ana", version: 4),
        ])
        #expect(result == CPHistory.Result(isLinearizable: true))
    }

    @Test func aCompareAndSetMayCreateAndIsJudgedByItsVersion() {
        let create = answer(0, .cas, sent: "ana", version: 1)
        let refused = answer(1, .cas, sent: "bob", status: 412, outcome: "not_applied", version: 1)
        #expect(check([create, refused, answer(2, .cas, sent: "eve", version: 2)]).isLinearizable == true)
        #expect(check([create, refused, answer(2, .cas, sent: "eve", version: 1)]).isLinearizable == false)
    }

    @Test func aStaleReadIsFound() {
        let result = check([
            answer(0, .write, sent: "ana", version: 1), answer(1, .write, sent: "bob", version: 2),
            answer(2, .read, service: "app_cp_west", value: "ana", version: 1),
        ])
        #expect(result.isLinearizable == false)
        #expect(result.violation?.contains("read") == true && result.violation?.contains("ana @1") == true)
    }

    @Test func aReadThatMissesTheOnlyWriteIsFound() {
        let result = check([
            answer(0, .write, sent: "ana", version: 1),
            answer(1, .read, service: "app_cp_west", status: 404, version: 0),
        ])
        #expect(result.isLinearizable == false)
    }

    @Test func aConcurrentReadMayBeBefore() {
        let result = check([
            answer(0, .write, sent: "ana", version: 1), answer(1, .write, sent: "bob", version: 2, tookMs: 50),
            answer(2, .read, value: "ana", version: 1),
        ])
        #expect(result.isLinearizable == true)
    }

    @Test func twoChangesWithOneVersionAreFound() {
        let result = check([
            answer(0, .write, sent: "ana", version: 4), answer(1, .write, sent: "bob", version: 4),
        ])
        #expect(result.isLinearizable == false)
    }

    @Test(arguments: [1, 2, 3, 7, 900]) func aWindowMayBeginAnywhere(version: Int) {
        let result = check([
            answer(0, .read, value: "ana", version: version),
            answer(1, .write, sent: "bob", version: version + 1), answer(2, .read, value: "bob", version: version + 1),
            answer(3, .delete, version: version + 2), answer(4, .read, status: 404, version: version + 2),
        ])
        #expect(result == CPHistory.Result(isLinearizable: true))
        #expect(check([answer(0, .write, sent: "bob", version: version)]).isLinearizable == true)
        #expect(check([answer(0, .delete, version: version + 1)]).isLinearizable == true)
    }

    @Test func changesOfOthersAreAllowed() {
        let result = check([
            answer(0, .write, sent: "ana", version: 1), answer(1, .read, value: "eve", version: 4),
            answer(2, .read, status: 404, version: 6), answer(3, .write, sent: "ana", version: 9),
        ])
        #expect(result == CPHistory.Result(isLinearizable: true))
    }

    @Test func anUnknownWriteMayTakeEffectLater() {
        let unknown = answer(0, .write, sent: "ana", status: 504, outcome: "unknown")
        let later = [answer(1, .read, value: "bob", version: 1), answer(2, .read, value: "ana", version: 2)]
        #expect(check([unknown] + later).isLinearizable == true)
        #expect(check([unknown, later[1], later[0]]).isLinearizable == true)
        #expect(
            check([unknown, answer(1, .read, value: "ana", version: 2), answer(2, .read, value: "bob", version: 1)])
                .isLinearizable == false)
    }

    @Test func aLongHistoryWithManyUnknownsIsDecidedInTime() {
        var answers: [AnswerEvent] = []
        for number in 0..<100 {
            let isUnknown = number.isMultiple(of: 3)
            answers.append(
                answer(
                    number, .write, sent: ["ana", "bob"][number % 2], status: isUnknown ? 504 : 200,
                    outcome: isUnknown ? "unknown" : "applied", version: isUnknown ? nil : number + 1, tookMs: 15))
        }
        #expect(check(answers).isLinearizable == true)
    }

    // MARK: Window and availability

    @Test func aWindowIsBoundedByKeyAndInTotal() {
        var window = KeyedWindow<Int>(maxPerKey: 3, maxCount: 5)
        for number in 0..<10 { window.append(number, key: "a") }
        #expect(window.elements(of: "a") == [7, 8, 9])
        for number in 10..<13 { window.append(number, key: "b") }
        #expect(window.elements(of: "a") == [8, 9] && window.count == 5)
        #expect(window.recentKeys == ["b", "a"])
        for number in 13..<20 { window.append(number, key: "\(number)") }
        #expect(window.count == 5 && window.elements(of: "a").isEmpty)
    }

    @Test func availabilityIsTheShareOfTheLastTenSeconds() {
        var availability = Availability()
        #expect(availability.share(of: "app_cp", atMs: 0) == nil)
        availability.note(answer(1, .read, value: "x", version: 1))
        availability.note(answer(2, .write, sent: "x", status: 503))
        availability.note(answer(3, .read, status: 404))
        availability.note(answer(4, .read, status: 0))
        #expect(availability.share(of: "app_cp", atMs: 100) == 0.5)
        #expect(availability.share(of: "app_cp", atMs: 9_000) == 0.5)
        #expect(availability.share(of: "app_cp", atMs: 11_000) == nil)
        #expect(availability.share(of: "app_ap", atMs: 100) == nil)
    }

    @Test func availabilityCountsFromTheLastChangeOfTheFaults() {
        var availability = Availability()
        #expect(availability.changedMs(atMs: 0) == nil)
        availability.note(answer(1, .read, value: "x", version: 1))
        availability.faultsChanged(atMs: 35)
        #expect(availability.share(of: "app_cp", atMs: 40) == nil)
        // A request that was in flight at the change does not count, whatever its answer is.
        availability.note(answer(3, .read, value: "x", version: 1, tookMs: 20))
        availability.note(answer(4, .read, status: 503))
        #expect(availability.share(of: "app_cp", atMs: 60) == 0)
        #expect(availability.changedMs(atMs: 10_034) == 35 && availability.changedMs(atMs: 10_035) == nil)
        availability.faultsChanged(atMs: 70)
        #expect(availability.share(of: "app_cp", atMs: 80) == nil && availability.changedMs(atMs: 80) == 70)
    }

    // MARK: AP

    private func record(_ vector: String, _ siblings: [String: String]) -> StoredHash {
        StoredHash(
            [(Array("vv".utf8), Array(vector.utf8))] + siblings.map { (Array($0.key.utf8), Array($0.value.utf8)) })
    }

    private func reading(_ record: StoredHash, second: Int64) -> APWindow.Reading {
        APWindow.Reading(beganUs: second * 1_000_000, endedUs: second * 1_000_000 + 100, records: ["k": record])
    }

    /// Reads the record `near` from two replicas and `far` from the third, twice. Returns the second verdict.
    private func judge(_ answers: [AnswerEvent], _ near: StoredHash, _ far: StoredHash) -> APWindow.Result {
        var window = APWindow()
        for answer in answers { window.note(answer) }
        var result = APWindow.Result()
        for second in [10, 11] as [Int64] {
            result = window.judge(
                [
                    "g1": reading(near, second: second), "g2": reading(near, second: second),
                    "g3": reading(far, second: second),
                ], replicaCount: 3)
        }
        return result
    }

    private let ana = "V000000000000000a::ana"
    private let bob = "V000000000000000b::bob"

    @Test func equalRecordsAreConverged() {
        let record = record("g1.i=1", ["g1.i@1": ana])
        let result = judge([answer(1, .write, service: "app_ap", sent: "ana", outcome: "applied")], record, record)
        #expect(result == APWindow.Result(acknowledged: 1, lost: 0, isConverged: true))
    }

    @Test func keysWithSeveralValuesAreNamed() {
        let both = record("g1.i=1 g3.i=2", ["g1.i@1": ana, "g3.i@2": bob])
        let result = judge([answer(1, .write, service: "app_ap", sent: "ana", outcome: "applied")], both, both)
        #expect(result.isConverged == true && result.inConflict == ["k"])
    }

    @Test func sitesThatDifferAreDiverged() {
        let result = judge(
            [
                answer(1, .write, service: "app_ap", sent: "ana", outcome: "applied"),
                answer(2, .write, service: "app_ap_west", sent: "bob", outcome: "applied"),
            ], record("g1.i=1", ["g1.i@1": ana]), record("g3.i=2", ["g3.i@2": bob]))
        #expect(
            result == APWindow.Result(acknowledged: 2, lost: 0, isConverged: false, diverged: ["k"], divergedCount: 1))
    }

    @Test func anAcknowledgedWriteThatIsNowhereIsLost() {
        let old = record("g1.i=1", ["g1.i@1": ana])
        let answers = [
            answer(1, .write, service: "app_ap", sent: "ana", outcome: "applied"),
            answer(2, .write, service: "app_ap", sent: "bob", outcome: "applied"),
        ]
        let result = judge(answers, old, old)
        #expect(result.lost == 1)
        #expect(result.violations.map(\.kind) == [.lostWrite])
        #expect(result.violations.first?.operations.map(\.sent) == ["bob"])
        let empty = StoredHash([])
        #expect(judge(answers, empty, empty).lost == 2)
    }

    @Test func anOverwrittenOrDeletedWriteIsNotLost() {
        let new = record("g1.i=2", ["g1.i@2": bob])
        let writes = [
            answer(1, .write, service: "app_ap", sent: "ana", outcome: "applied"),
            answer(2, .write, service: "app_ap", sent: "bob", outcome: "applied"),
        ]
        #expect(judge(writes, new, new).lost == 0)
        let delete = answer(3, .delete, service: "app_ap", outcome: "applied")
        #expect(judge(writes + [delete], StoredHash([]), StoredHash([])).lost == 0)
        let stranger = record("g1.i=3", ["g1.i@3": "V000000000000000c::eve"])
        #expect(judge(writes, stranger, stranger).lost == 0)
        let refused = answer(3, .write, service: "app_ap", sent: "eve", status: 503, outcome: "not_applied")
        #expect(judge(writes + [refused], new, new).acknowledged == 2)
    }

    @Test func withoutAReplicaLossCannotBeDecided() {
        var window = APWindow()
        window.note(answer(1, .write, service: "app_ap", sent: "ana", outcome: "applied"))
        let empty = reading(StoredHash([]), second: 10)
        let result = window.judge(["g1": empty, "g2": empty], replicaCount: 3)
        #expect(result.lost == nil && result.isConverged == nil && result.acknowledged == 1)
        #expect(result.violations.isEmpty)
        let kept = reading(record("g1.i=1", ["g1.i@1": ana]), second: 11)
        #expect(window.judge(["g1": kept, "g2": kept], replicaCount: 3).lost == 0)
        #expect(window.judge([:], replicaCount: 3).lost == nil)
    }

    @Test func aWriteUnderWayIsNotDivergence() {
        var window = APWindow()
        let first = record("g1.i=1", ["g1.i@1": ana])
        let second = record("g1.i=2", ["g1.i@2": bob])
        _ = window.judge(["g1": reading(first, second: 1), "g2": reading(first, second: 1)], replicaCount: 2)
        // Only one replica has the second write, and the previous reading did not show the write.
        let result = window.judge(["g1": reading(second, second: 2), "g2": reading(first, second: 2)], replicaCount: 2)
        #expect(result.isConverged == true)
        let later = window.judge(["g1": reading(second, second: 3), "g2": reading(first, second: 3)], replicaCount: 2)
        #expect(later.isConverged == false)
    }
}
