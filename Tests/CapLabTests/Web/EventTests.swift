import EventLoop
import Foundation
import JSON
import TestSupport
import Testing

@testable import CapLab
@testable import HTTP

/// The events that are sent to the pages, in virtual time.
@Suite struct EventTests {
    private let scheduler = VirtualScheduler()

    private final class Sink: EventSink {
        var events: [(name: String, json: [UInt8])] = []
        func publish(_ name: StaticString, _ json: [UInt8]) { events.append(("\(name)", json)) }

        func batches() throws -> [[[String: Any]]] {
            try events.map { try JSONSerialization.jsonObject(with: Data($0.json)) as? [[String: Any]] ?? [] }
        }
    }

    private func text(_ response: Response) -> String {
        String(decoding: response.stream?.buffer ?? [], as: UTF8.self)
    }

    private func event(
        _ id: Int, by origin: AnswerEvent.Origin = .load, status: Int = 200, outcome: String? = nil, tookMs: Double = 1
    ) -> AnswerEvent {
        .fixture(id, .read, by: origin, atMs: 0, tookMs: tookMs, reply: .fixture(status: status, outcome: outcome))
    }

    // MARK: The hub

    @Test func aNewClientGetsTheFirstEventsAndThenThoseOfAll() throws {
        let hub = EventHub(on: scheduler)
        let first: [(StaticString, [UInt8])] = [("hello", Array("{}".utf8)), ("series", Array("[]\n".utf8))]
        hub.firstEvents = { first }
        hub.publish("state", Array("{}".utf8))
        let early = try hub.connect()
        #expect(early.contentType == "text/event-stream")
        hub.publish("faults", Array(#"{"a":1}"#.utf8))
        let late = try hub.connect()
        hub.publish("state", Array("{}".utf8))
        let start = "retry: 1000\n\nevent: hello\ndata: {}\n\nevent: series\ndata: []\n\n"
        #expect(text(early) == start + "event: faults\ndata: {\"a\":1}\n\nevent: state\ndata: {}\n\n")
        #expect(text(late) == start + "event: state\ndata: {}\n\n")
    }

    @Test func thereAreAtMostSixteenClientsAndOneThatLeavesMakesRoom() throws {
        let hub = EventHub(on: scheduler)
        let clients = try (0..<16).map { _ in try hub.connect() }
        let problem = #expect(throws: Problem.self) { try hub.connect() }
        #expect(problem?.status == 503 && problem?.code == "too_many_viewers")
        clients[3].stream?.connectionIsDone()
        #expect(hub.clientCount == 15)
        _ = try hub.connect()
        #expect(hub.clientCount == 16)
    }

    @Test func aClientThatDoesNotReadIsClosedAndHoldsABoundedAmount() throws {
        let hub = EventHub(on: scheduler)
        let slow = try hub.connect()
        let part = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)
        for _ in 0..<11 { hub.publish("state", part) }
        #expect(slow.stream?.isClosed == true)
        #expect(slow.stream?.bufferedBytes == 0)
        // The next client is not affected.
        #expect(text(try hub.connect()).hasPrefix("retry: "))
    }

    @Test func aRecorderIsAViewerButNoClient() throws {
        let hub = EventHub(on: scheduler)
        let recorder = Sink()
        hub.recorder = recorder
        #expect(hub.viewerCount == 1 && hub.clientCount == 0)
        hub.publish("state", Array("{}".utf8))
        _ = try hub.connect()
        hub.publish("faults", Array("{}".utf8))
        #expect(recorder.events.map(\.name) == ["state", "faults"] && hub.viewerCount == 2)
    }

    @Test func aSilentHubSendsACommentWithinFiveSeconds() throws {
        try scheduler.run { [scheduler] in
            let hub = EventHub(on: scheduler)
            hub.start()
            let client = try hub.connect()
            let start = text(client)
            await scheduler.sleep(forNs: 5_001 * nsPerMs)
            #expect(text(client).hasPrefix(start + ":\n\n"))
            let silent = text(client)
            for _ in 0..<20 {
                await scheduler.sleep(forNs: 1_000 * nsPerMs)
                hub.publish("state", Array("{}".utf8))
            }
            #expect(!text(client).dropFirst(silent.count).contains(":\n\n:"))
            hub.stop()
            #expect(client.stream?.isClosed == true)
        }
    }

    // MARK: Answers

    @Test func allOwnAnswersAndASampleOfTheLoadArePublishedEachTenthOfASecond() throws {
        try scheduler.run { [scheduler] in
            let sink = Sink()
            let log = AnswerLog(on: scheduler, sink: sink)
            var observed = 0
            log.onAnswer = { _ in observed += 1 }
            for number in 1...500 { log.answered(event(number, by: number % 10 == 0 ? .page : .load)) }
            #expect(sink.events.isEmpty)
            await scheduler.sleep(forNs: 101 * nsPerMs)
            log.answered(event(501))
            await scheduler.sleep(forNs: 301 * nsPerMs)
            #expect(observed == 501)
            let batches = try sink.batches()
            #expect(batches.map(\.count) == [50 + AnswerLog.maxSampled, 1])
            let ids = batches[0].compactMap { $0["id"] as? Int }
            #expect(ids == ids.sorted())
            #expect(batches[0].filter { $0["by"] as? String == "page" }.count == 50)
            // The sample has more than the first answers of the load.
            #expect(ids.contains { $0 > 100 && $0 % 10 != 0 })
        }
    }

    @Test func anAnswerIsReportedAsTheServiceGaveIt() throws {
        let request = AskRequest(service: "app_ap", op: .read, key: "k")
        let answer = Answer(
            status: 200, tookMs: 2.1234,
            body: #"{"value":"ana","version":"x1","staleness_ms":2300,"stale":true,"conflicts":["ana",null,"bob"]}"#)
        let event = AnswerEvent(request, answer, by: .page, id: 7, sentUs: 1_500, target: CurlTarget(port: 5_002))
        var json = JSONWriter()
        event.write(to: &json)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any])
        #expect(object["tMs"] as? Double == 1.5)
        #expect(object["tookMs"] as? Double == 2.123)
        #expect(object["conflicts"] as? [String] == ["ana", "bob"])
        #expect(object["stalenessMs"] as? Int == 2_300)
        #expect(object["stale"] as? Bool == true)
        #expect(object["version"] as? String == "x1")
        #expect(object["code"] is NSNull)
        #expect(object["curl"] as? String == "curl http://127.0.0.1:5002/read/k")
        #expect(object["body"] as? String == answer.body)
    }

    /// Without the cut, one batch would not fit into the buffer of a viewer.
    @Test func longValuesAreCutInTheEventOnly() throws {
        let request = AskRequest(service: "app_ap", op: .read, key: "k")
        let value = String(repeating: "v", count: 600_000)
        let answer = Answer(status: 200, tookMs: 1, body: #"{"value":"\#(value)","conflicts":["\#(value)","b"]}"#)
        let event = AnswerEvent(request, answer, by: .page, id: 1, sentUs: 0, target: CurlTarget(port: 1))
        #expect(event.reply.value == value)
        var json = JSONWriter()
        event.write(to: &json)
        #expect(json.bytes.count < 10_000)
    }

    @Test func aMissingAnswerHasTheOutcomeThatIsCertain() {
        let write = AskRequest(service: "app_cp", op: .write, key: "k", value: "v")
        func event(_ request: AskRequest, isSent: Bool) -> AnswerEvent {
            AnswerEvent(
                request, .missing(isSent: isSent), by: .page, id: 1, sentUs: 0, target: CurlTarget(port: 1))
        }
        let unknown = event(write, isSent: true)
        #expect(unknown.reply.outcome == "unknown" && unknown.reply.status == 0 && unknown.reply.result == .error)
        #expect(event(write, isSent: false).reply.outcome == "not_applied")
        let read = AskRequest(service: "app_cp", op: .read, key: "k")
        #expect(event(read, isSent: true).reply.outcome == nil)
    }

    // MARK: The series

    @Test func theSeriesCountsAnswersRefusalsAndErrorsOfEachSecond() throws {
        let sink = Sink()
        let series = SeriesRecorder(services: ["app_cp", "app_ap"], sink: sink)
        series.gauges = { $0 == "app_ap" ? ServiceGauges(stalenessMs: 12.5, hints: 3, conflicts: 1) : ServiceGauges() }
        for (number, status) in [200, 404, 412, 503, 429, 500, 0].enumerated() {
            series.note(event(number, status: status, tookMs: Double(number)))
        }
        series.note(event(8, status: 503, outcome: "unknown", tookMs: 7))
        series.note(event(9, status: 503, outcome: "not_applied", tookMs: 8))
        series.endSecond(1, atUs: 1_000_000)
        #expect(
            String(decoding: sink.events[0].json, as: UTF8.self)
                == #"{"tMs":1000,"second":1,"services":{"app_cp":{"ok":3,"refused":3,"error":3,"p50Ms":3,"p99Ms":8,"#
                + #""stalenessMs":null,"hints":0,"conflicts":0},"app_ap":{"ok":0,"refused":0,"error":0,"p50Ms":null,"#
                + #""p99Ms":null,"stalenessMs":12.5,"hints":3,"conflicts":1}}}"#)
        for second in 2...100 { series.endSecond(Int64(second), atUs: 0) }
        let minute = try #require(
            try JSONSerialization.jsonObject(with: Data(series.lastMinute)) as? [[String: Any]])
        #expect(minute.compactMap { $0["second"] as? Int } == Array(41...100))
    }

    @Test func percentilesAreOfTheNearestRank() {
        #expect(SeriesRecorder.percentile(50, of: []) == nil)
        #expect(SeriesRecorder.percentile(99, of: [7]) == 7)
        let hundred = (1...100).map(Double.init)
        #expect(SeriesRecorder.percentile(50, of: hundred) == 50)
        #expect(SeriesRecorder.percentile(99, of: hundred) == 99)
    }
}
