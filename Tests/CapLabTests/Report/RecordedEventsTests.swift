import Testing

@testable import CapLab

/// The events that a recording keeps.
@Suite struct RecordedEventsTests {
    private func recorded(
        bytesPerSecond: Int = 100_000, _ events: [(name: String, json: String, atMs: Int64)]
    ) -> RecordedEvents {
        var recorded = RecordedEvents(bytesPerSecond: bytesPerSecond)
        for event in events { recorded.add(event.name, Array(event.json.utf8), atUs: event.atMs * 1_000) }
        recorded.end()
        return recorded
    }

    private func times(_ recorded: RecordedEvents, _ name: String) -> [Int64] {
        recorded.events.filter { $0.name == name }.map { $0.timeUs / 1_000 }
    }

    @Test func eventsStayInOrder() {
        let events = recorded([
            ("hello", "{}", 0), ("series", "[]", 0), ("faults", #"{"tMs":1,"faults":[]}"#, 1),
            ("faults", #"{"tMs":2,"faults":[]}"#, 2),
        ])
        #expect(events.events.map(\.name) == ["hello", "series", "faults", "faults"])
    }

    @Test(arguments: ["copies", "verdict", "state"]) func anEventThatSaysTheSameIsLeftOut(_ name: String) {
        let events = recorded([
            (name, #"{"tMs":1,"a":{"x":1}}"#, 1), (name, #"{"tMs":2000,"a":{"x":1}}"#, 2_000),
            (name, #"{"tMs":3000,"a":{"x":null}}"#, 3_000),
        ])
        #expect(times(events, name) == [1, 3_000])
    }

    @Test func aStateInWhichOnlyAmountsChangeComesOncePerSecond() {
        func state(_ staleness: String, _ atMs: Int64) -> (name: String, json: String, atMs: Int64) {
            ("state", #"{"tMs":\#(atMs),"nodes":{"app_ap":{"ready":true,"stalenessMs":\#(staleness)}}}"#, atMs)
        }
        let events = recorded([
            state("10", 0), state("210", 200), state("410", 400), ("load", "{}", 1_100), state("1300", 1_300),
            // A number that appears or disappears is a change.
            state("null", 1_400), state("5", 1_500), state("0", 1_600), state("7", 1_700),
        ])
        #expect(times(events, "state") == [0, 400, 1_300, 1_400, 1_500, 1_600, 1_700])
        #expect(events.events.map(\.timeUs) == events.events.map(\.timeUs).sorted())
    }

    @Test func theLastStateIsKept() {
        let events = recorded([
            ("state", #"{"tMs":0,"hints":5}"#, 0), ("state", #"{"tMs":100,"hints":6}"#, 100),
        ])
        #expect(times(events, "state") == [0, 100])
    }

    @Test func ofTooManyChangesOfTheStateTheLastOfEachSecondIsKept() {
        var recorded = RecordedEvents(bytesPerSecond: 1_000, stateBytesPerSecond: 30)
        // Every 200 ms for 20 s, the state has another shape, of about 30 bytes. The budget allows ten events at once.
        for number in 0..<100 {
            let json = #"{"tMs":\#(number * 200 + 1),"role":"r\#(number)"}"#
            recorded.add("state", Array(json.utf8), atUs: Int64(number) * 200_000)
        }
        recorded.end()
        let kept = times(recorded, "state")
        #expect((20...45).contains(kept.count), "\(kept.count)")
        #expect(kept.last == 19_800 && zip(kept, kept.dropFirst()).allSatisfy { $1 - $0 <= 1_200 })
    }

    @Test func messagesBeyondTheBudgetAreCountedAsLeftOut() {
        let event = #"{"seen":30,"shown":2,"list":[{"id":1},{"id":2}]}"#
        let count = 50
        let all = (0..<count).map { (name: "messages", json: event, atMs: Int64($0) * 100) }
        let roomy = recorded(all)
        #expect(times(roomy, "messages").count == count && roomy.leftOutMessages == count * 28)
        // The recording of 5 s may keep two events per second, and the events of two more seconds at its start.
        let tight = recorded(bytesPerSecond: event.utf8.count * 10 / 3, all)
        let kept = times(tight, "messages").count
        #expect((12...14).contains(kept))
        #expect(tight.leftOutMessages == kept * 28 + (count - kept) * 30)
    }

    @Test func messagesAboutTheChosenKeyAreTheLastToBeLeftOut() {
        let chosen = #"{"id":2,"key":"seat","value":"[{\"id\":1}]"}"#
        let event = #"{"seen":9,"shown":3,"list":[{"id":1,"key":"seat-2"},\#(chosen),{"id":3,"key":null}]}"#
        let without = #"{"seen":9,"shown":1,"list":[{"id":1,"key":"other"}]}"#
        var recorded = RecordedEvents(bytesPerSecond: event.utf8.count * 10 / 3 + 10, chosenKey: "seat")
        for number in 0..<20 {
            recorded.add("messages", Array((number < 10 ? event : without).utf8), atUs: Int64(number) * 1_000)
        }
        let kept = recorded.events.map { String(decoding: $0.json, as: UTF8.self) }
        let short = #"{"seen":9,"shown":1,"list":[\#(chosen)]}"#
        #expect(kept == Array(repeating: event, count: 4) + Array(repeating: short, count: 6))
        #expect(recorded.leftOutMessages == 4 * 6 + 6 * 8 + 10 * 9)
    }

    @Test func messagesAboutTheChosenKeyHaveABound() {
        let event = #"{"seen":1,"shown":1,"list":[{"id":1,"key":"seat"}]}"#
        var recorded = RecordedEvents(bytesPerSecond: event.utf8.count * 10, chosenKey: "seat")
        for number in 0..<1_000 { recorded.add("messages", Array(event.utf8), atUs: Int64(number) * 10_000) }
        let bytes = recorded.events.reduce(0) { $0 + $1.json.count }
        #expect(bytes <= event.utf8.count * 10 * 3 / 5 * (10 + 2 * 2))
    }

    @Test func answersToPeopleAreKeptBeyondTheBudget() {
        let ofPeople = #"[{"id":1,"by":"page"}]"#
        let ofTheLoad = #"[{"id":2,"by":"load"}]"#
        let events = recorded(
            bytesPerSecond: 10,
            (0..<20).flatMap { number in
                [("answers", ofPeople, Int64(number) * 10), ("answers", ofTheLoad, Int64(number) * 10 + 5)]
            })
        #expect(events.keptAnswers == 20 && events.events.allSatisfy { $0.json == Array(ofPeople.utf8) })
    }

    @Test func keptAnswersAreCounted() {
        let two = #"[{"id":1,"body":"{\"id\":9}"},{"id":2,"body":""}]"#
        let events = recorded([("answers", two, 0), ("answers", two, 100)])
        #expect(events.keptAnswers == 4)
    }

    @Test func aShapeIgnoresAmountsOutsideOfText() {
        func shape(_ text: String) -> String {
            String(decoding: StateFilter.shape(Array(text.utf8)), as: UTF8.self)
        }
        #expect(shape(#"{"g1":12.5,"b":0,"c":"a:7","d":104}"#) == #"{"g1":1,"b":0,"c":"a:7","d":1}"#)
    }
}
