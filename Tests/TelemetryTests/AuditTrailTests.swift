import Foundation
import Glibc
import Synchronization
import Testing

@testable import Telemetry

@Suite(.timeLimit(.minutes(20))) struct AuditTrailTests {
    /// A directory that is removed at the end.
    private final class Directory {
        let path = NSTemporaryDirectory() + "cap-audit-\(UUID().uuidString)"
        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func lines(_ name: String) throws -> [[String: Any]] {
            let text = try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
            return try text.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
        }
    }

    private final class Counts: Sendable {
        let written = Atomic<Int>(0)
        let lost = Atomic<Int>(0)
    }

    private func trail(
        _ path: String, _ counts: Counts, maxFileBytes: Int = AuditTrail.maxFileBytes,
        pseudonym: (@Sendable ([UInt8]) -> String)? = nil
    ) -> AuditTrail {
        AuditTrail(
            to: .file(path: path), node: "n1", pseudonym: pseudonym, maxFileBytes: maxFileBytes,
            onWritten: { counts.written.wrappingAdd($0, ordering: .relaxed) },
            onLost: { counts.lost.wrappingAdd($0, ordering: .relaxed) })
    }

    @Test func aLineSaysWhoDidWhat() throws {
        let directory = try Directory()
        let trail = trail(directory.path + "/audit", Counts())
        trail.record(AuditRecord(.write, client: "alice", key: Array("seat\n".utf8), outcome: "applied", traceID: "ab"))
        trail.record(AuditRecord(.delete, client: "192.0.2.1", key: [0xFF], outcome: "unknown", code: "timeout"))
        trail.stop()
        let lines = try directory.lines("audit")
        #expect(lines.count == 2)
        #expect(lines[0]["action"] as? String == "write" && lines[0]["client"] as? String == "alice")
        #expect(lines[0]["key"] as? String == "seat\n" && lines[0]["outcome"] as? String == "applied")
        #expect(lines[0]["node"] as? String == "n1" && lines[0]["trace_id"] as? String == "ab")
        #expect((lines[0]["ts"] as? String)?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        #expect(lines[1]["key"] as? String == "/w==" && lines[1]["key_encoding"] as? String == "base64")
        #expect(lines[1]["code"] as? String == "timeout")
    }

    @Test func pseudonymsReplaceKeysAndClients() throws {
        let directory = try Directory()
        let trail = trail(directory.path + "/audit", Counts()) { "p\($0.count)" }
        trail.record(AuditRecord(.write, client: "alice", key: Array("seat".utf8), outcome: "applied"))
        trail.stop()
        let text = try String(contentsOfFile: directory.path + "/audit", encoding: .utf8)
        #expect(text.contains("\"client\":\"p5\"") && text.contains("\"key\":\"p4\""))
        #expect(!text.contains("alice") && !text.contains("seat"))
    }

    @Test func theLastFilesAreKeptAndNoLineIsSplit() throws {
        let directory = try Directory()
        let counts = Counts()
        let trail = trail(directory.path + "/audit", counts, maxFileBytes: 2_000)
        for number in 0..<100 {
            trail.record(AuditRecord(.write, client: "c\(number)", outcome: "applied"))
            // Wait, so that each record is in its own batch.
            while counts.written.load(ordering: .relaxed) <= number { usleep(100) }
        }
        trail.stop()
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
        #expect(names == ["audit", "audit.1", "audit.2"])
        let kept = try ["audit.2", "audit.1", "audit"].flatMap { try directory.lines($0) }
        #expect(kept.count < 100 && kept.last?["client"] as? String == "c99")
        let numbers = kept.compactMap { ($0["client"] as? String)?.dropFirst() }.compactMap { Int($0) }
        #expect(numbers == Array(numbers[0]...99), "without a gap")
    }

    @Test func aFileThatWasMovedAwayIsOpenedAnew() throws {
        let directory = try Directory()
        let counts = Counts()
        let path = directory.path + "/audit"
        let trail = trail(path, counts)
        trail.record(AuditRecord(.write, client: "first", outcome: "applied"))
        while counts.written.load(ordering: .relaxed) < 1 { usleep(100) }
        rename(path, path + ".old")
        trail.record(AuditRecord(.write, client: "second", outcome: "applied"))
        trail.stop()
        #expect(try directory.lines("audit").map { $0["client"] as? String } == ["second"])
        #expect(try directory.lines("audit.old").map { $0["client"] as? String } == ["first"])
    }

    @Test func linesThatCannotBeWrittenAreCounted() throws {
        let directory = try Directory()
        let counts = Counts()
        let trail = trail(directory.path + "/missing/audit", counts)
        for _ in 0..<10 { trail.record(AuditRecord(.write, outcome: "applied")) }
        trail.stop()
        #expect(counts.lost.load(ordering: .relaxed) == 10 && counts.written.load(ordering: .relaxed) == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
    }

    /// The file is a named pipe without a reader, so its writer waits forever.
    @Test func aDiskThatHangsDelaysNobody() throws {
        // As in the services: a write to a pipe without a reader is an error, not a signal.
        signal(SIGPIPE, SIG_IGN)
        let directory = try Directory()
        let counts = Counts()
        let path = directory.path + "/audit"
        #expect(mkfifo(path, 0o600) == 0)
        let trail = trail(path, counts)
        let client = String(repeating: "c", count: 1_000)
        for _ in 0..<(AuditTrail.maxQueuedBytes / 1_000) * 2 {
            trail.record(AuditRecord(.write, client: client, outcome: "applied"))
        }
        #expect(counts.lost.load(ordering: .relaxed) > 0)
        // A reader lets the writing thread continue and end.
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        trail.stop(timeoutMs: 100)
        close(reader)
    }
}
