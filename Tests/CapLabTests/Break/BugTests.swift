import EventLoop
import Testing

@testable import CapLab

/// The deliberate bugs without connections, and their options on the command line.
@Suite(.timeLimit(.minutes(20))) struct BugTests {
    private func head(_ line: String, _ header: String? = nil) throws -> MessageHead {
        try #require(MessageHead(Array("\(line) HTTP/1.1\r\n\(header.map { $0 + "\r\n" } ?? "")\r\n".utf8)))
    }

    private let old = Array("old".utf8)

    @Test func everySecondReadIsAnsweredFromTheCacheUntilItIsTooOld() throws {
        var cache = ReadCache()
        let read = try head("GET /read/k")
        #expect(cache.answer(to: read, nowNs: 0) == nil)
        cache.note(old, to: read, nowNs: 0)
        let answers = (1...4).map { cache.answer(to: read, nowNs: UInt64($0)) }
        #expect(answers == [old, nil, old, nil])
        // A newer answer does not replace the cached one before that has expired.
        cache.note(Array("new".utf8), to: read, nowNs: 5)
        #expect(cache.answer(to: read, nowNs: 6) == old)
        let expiredNs = ReadCache.keptMs * nsPerMs
        #expect(cache.answer(to: read, nowNs: expiredNs) == nil)
        cache.note(Array("new".utf8), to: read, nowNs: expiredNs)
        #expect(cache.answer(to: read, nowNs: expiredNs + 1) == Array("new".utf8))
    }

    @Test func theCacheKeepsReadsOnlyEachByItsAddress() throws {
        var cache = ReadCache()
        #expect(!cache.wantsAnswer(to: try head("POST /write/k/v")))
        #expect(!cache.wantsAnswer(to: try head("GET /health")))
        #expect(!cache.wantsAnswer(to: try head("GET /read/k", "Accept: application/octet-stream")))
        #expect(cache.wantsAnswer(to: try head("GET /read/k", "Accept: */*")))
        cache.note(old, to: try head("GET /read/k"), nowNs: 0)
        #expect(cache.answer(to: try head("GET /read/other"), nowNs: 1) == nil)
        #expect(cache.answer(to: try head("DELETE /read/k"), nowNs: 1) == nil)
        #expect(cache.answer(to: try head("GET /read/k"), nowNs: 1) == old)
    }

    @Test func theCacheIsBounded() throws {
        var cache = ReadCache()
        let large = [UInt8](repeating: 0, count: ReadCache.maxAnswerBytes + 1)
        cache.note(large, to: try head("GET /read/large"), nowNs: 0)
        #expect(cache.answer(to: try head("GET /read/large"), nowNs: 1) == nil)
        for number in 0...ReadCache.maxAnswers { cache.note(old, to: try head("GET /read/\(number)"), nowNs: 0) }
        #expect(cache.answer(to: try head("GET /read/0"), nowNs: 1) == nil)
        #expect(cache.answer(to: try head("GET /read/\(ReadCache.maxAnswers)"), nowNs: 1) == old)
    }

    @Test func everySecondWriteIsAcknowledgedAndDropped() throws {
        var dropper = WriteDropper()
        let write = try head("POST /write/k/v")
        #expect(dropper.answer(to: try head("GET /read/k"), nowNs: 0) == nil)
        let answers = (1...4).map { _ in dropper.answer(to: write, nowNs: 0) }
        #expect(answers.map { $0 == nil } == [true, false, true, false])
        let dropped = try #require(answers[1])
        let message = try #require(HTTPMessage(dropped))
        let answer = Answer(status: message.status, tookMs: 0, body: message.body)
        #expect(answer.status == 200 && answer.outcome == "applied")
    }

    @Test func anUnknownBugExitsWithTwoAndOneLineThatListsTheNames() throws {
        let result = try LabProcess.run(["up", "--free-ports", "--break", "none"])
        #expect(result.exitCode == 2)
        #expect(result.errors == "caplab: unknown bug 'none'; valid: stale-read, lost-write\n")
    }
}
