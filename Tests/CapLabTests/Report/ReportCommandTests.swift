import Foundation
import Testing

@testable import CapLab

/// The command `caplab report`.
@Suite(.serialized, .timeLimit(.minutes(20))) struct ReportCommandTests {
    /// The cut is long enough for the services to detect it. The phase after it is long enough for the replicas to
    /// become equal, even on a busy machine.
    private static let drill = """
        title: A short cut
        description: West is cut off for three seconds.
        load: {rate: 30/s, reads: 50%, keys: 8}
        phases: {before: 2s, during: 3s, after: 12s}
        steps:
          - {at: 500ms, do: write free at east}
          - {at: 2s, do: cut west}
          - {at: 3s, do: write ana at east}
          - {at: 4s, do: write bob at west}
        """

    private func write(_ yaml: String, in directory: ScratchDirectory) throws -> String {
        let path = "\(directory.path)/short.yml"
        try yaml.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func object(_ path: String) throws -> [String: Any] {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// By service, the figures of each phase.
    private func figures(_ summary: [String: Any]) throws -> [String: [[String: Any]]] {
        let services = try #require(summary["services"] as? [[String: Any]])
        return Dictionary(
            uniqueKeysWithValues: services.map { ($0["name"] as? String ?? "", $0["phases"] as? [[String: Any]] ?? []) }
        )
    }

    @Test(.enabled(if: DemoTests.hasServices)) func aDrillIsPlayedRecordedAndJudged() throws {
        let directory = try ScratchDirectory()
        let path = try write(Self.drill, in: directory)
        let result = try LabProcess.run(["report", path, "--out", directory.path])
        #expect(result.exitCode == 0, "\(result.output)\(result.errors)")
        let lines = result.output.split(separator: "\n")
        #expect(lines.first == "short: A short cut (17 s)")
        #expect(lines.contains("  2 s: cut west") && lines.contains("  5 s: heal"))
        #expect(lines.last == "\(directory.path)/short.html")
        let page = try String(contentsOfFile: "\(directory.path)/short.html", encoding: .utf8)
        #expect(page.contains(#"<script type="application/json" id="recording">"#) && page.utf8.count < 2_000_000)

        let recording = try object("\(directory.path)/short.json")
        #expect(recording["durationMs"] as? Int == 17_000)
        let drill = try #require(recording["drill"] as? [String: Any])
        let steps = try #require(drill["steps"] as? [[String: Any]])
        #expect(
            steps.compactMap { $0["text"] as? String } == [
                "write free at east", "cut west", "write ana at east", "write bob at west", "heal",
            ])
        try expectEvents(recording)
        try expectVerdict(recording)
    }

    /// The recorded events have the order in which a page gets them: first the current state, then every change. Their
    /// times are milliseconds since the start.
    private func expectEvents(_ recording: [String: Any]) throws {
        let events = try #require(recording["events"] as? [[Any]])
        let names = events.map { $0[1] as? String ?? "" }
        #expect(names.prefix(7) == ["hello", "state", "copies", "faults", "verdict", "series", "load"])
        let all: Set = ["hello", "state", "copies", "faults", "verdict", "series", "load", "messages", "answers"]
        #expect(Set(names) == all)
        let times = events.compactMap { $0[0] as? Double }
        #expect(
            times == times.sorted() && times.count == events.count && times.allSatisfy { (0...17_001).contains($0) })
        let hello = try #require(events[0][2] as? [String: Any])
        #expect(hello["durationMs"] as? Int == 17_000 && hello["readOnly"] as? Bool == true)
        #expect(hello["key"] as? String == "seat-12A" && (hello["tMs"] as? Double).map { $0 < 500 } == true)
        for event in events {
            if event[1] as? String == "messages", let content = event[2] as? [String: Any] {
                let list = try #require(content["list"] as? [[String: Any]])
                // The limit of this recording does not hold for the shown key.
                #expect(list.count <= MessageTap.maxShown)
                #expect(list.count { $0["key"] as? String != "seat-12A" } <= 12)
            }
        }
        // The seat is booked twice during the cut, and the last `copies` event shows both people.
        let copies = try #require(events.last { $0[1] as? String == "copies" }?[2] as? [String: Any])
        let replicas = try #require(copies["copies"] as? [String: [String: Any]])
        #expect((replicas["ap_db_g1"]?["values"] as? [String]).map(Set.init) == ["ana", "bob"])
        #expect(replicas["cp_db_g3"]?["values"] as? [String] == ["ana"])
        let faults = try #require(events.last { $0[1] as? String == "faults" }?[2] as? [String: Any])
        let list = try #require(faults["faults"] as? [[String: Any]])
        #expect(list.first?["label"] as? String == "west cut")
        #expect((list.first?["fromMs"] as? Double).map { abs($0 - 2_000) < 1_000 } == true)
    }

    private func expectVerdict(_ recording: [String: Any]) throws {
        let summary = try #require(recording["summary"] as? [String: Any])
        #expect(summary["linearizable"] as? Bool == true && summary["lostWrites"] as? Int == 0)
        #expect((summary["violations"] as? [String])?.isEmpty == true)
        #expect((summary["acknowledgedWrites"] as? Int ?? 0) > 50 && (summary["conflicts"] as? Int ?? 0) > 0)
        #expect((summary["convergedInMs"] as? Double).map { $0 < 30_000 } == true)
        let figures = try figures(summary)
        #expect(figures.count == 4 && figures.values.allSatisfy { $0.count == 3 })
        #expect(figures.values.joined().allSatisfy { ($0["requests"] as? Int ?? 0) > 30 })
        let during = figures.mapValues { $0[1] }
        #expect((during["app_cp_west"]?["refused"] as? Int ?? 0) > 10)
        // The phase begins with the step that cuts the links. Requests at that moment still succeed.
        let requests = during["app_cp_west"]?["requests"] as? Int ?? 0
        #expect((during["app_cp_west"]?["answered"] as? Int ?? requests) * 20 <= requests)
        #expect((during["app_ap_west"]?["answered"] as? Int ?? 0) > 30)
        let leftOut = try #require(recording["leftOut"] as? [String: Int])
        #expect(leftOut["messages"] != nil && (leftOut["answers"] ?? 0) > 0)
    }

    @Test func sitesThatDoNotReplicateAreFoundAndTheReportIsWritten() throws {
        let directory = try ScratchDirectory()
        try IsolatedRegister.install(in: directory.path)
        let path = try write(Self.drill, in: directory)
        let result = try LabProcess.run([
            "report", path, "--out", directory.path + "/new/reports", "--bin-dir", directory.path,
        ])
        #expect(result.exitCode == 1, "\(result.output)\(result.errors)")
        #expect(result.output.contains("app-cp: NOT linearizable"))
        let summary = try #require(
            try object("\(directory.path)/new/reports/short.json")["summary"] as? [String: Any])
        #expect(summary["linearizable"] as? Bool == false)
        let violations = try #require(summary["violations"] as? [String])
        #expect(violations.contains { $0.contains("is not linearizable") } && violations.count <= 20)
        #expect(summary["lostWrites"] as? Int ?? 0 > 0)
    }

    @Test func aWrongDrillFailsWithOneLineBeforeAnythingStarts() throws {
        let directory = try ScratchDirectory()
        let path = try write(Self.drill.replacing("do: cut west", with: "do: cut north"), in: directory)
        for (arguments, text) in [
            ([path], "caplab: \(path):7: unknown node 'north'"), (["east-cut"], "caplab: there is no drill 'east-cut'"),
            (["\(directory.path)/missing.yml"], "the file cannot be read"),
        ] {
            let result = try LabProcess.run(["report", "--out", directory.path] + arguments)
            #expect(result.exitCode == 2)
            #expect(result.errorLines.count == 1 && result.errors.contains(text), "\(result.errors)")
            #expect(result.output.isEmpty)
        }
    }
}
