import EventLoop
import FoundationEssentials

/// Runs a check and writes its report, whether the guarantees held or not. An interrupted check has no report.
final class CheckRun {
    /// The report shows events only up to this time, because more events would make it too large. The summary covers
    /// the whole run.
    private static let maxEventsMs = 120_000
    /// For how long after the faults the report continues to show events, such as the reads after the heal.
    private static let afterMs = 5_000

    private let lab: Lab
    private let settings: CheckSettings
    private let group: GroupName
    private let session: CheckSession

    init(_ lab: Lab, _ settings: CheckSettings, _ group: GroupName) {
        self.lab = lab
        self.settings = settings
        self.group = group
        session = CheckSession(lab, settings, group: group)
    }

    /// - Returns: 0 if every guarantee held, 1 if one was violated, 130 if the check was interrupted.
    func run() async -> Int32 {
        let durationMs = min(Self.maxEventsMs, Int(settings.seconds) * 1_000 + Self.afterMs)
        let recorder = RunRecorder(lab, limits: .init(durationMs: durationMs), key: group == .cp ? "k0" : "c0")
        do throws(LabError) { try await recorder.begin() } catch {
            complain("caplab: there is no report: \(error.message)")
        }
        session.answers = recorder.page.answers
        let exitCode: Int32
        let verdict: RunSummary.Verdict?
        switch group {
        case .cp:
            let check = CPCheck(session)
            exitCode = await check.run()
            verdict = check.verdict
        case .ap:
            let check = APCheck(session)
            exitCode = await check.run()
            verdict = check.verdict
        }
        recorder.end()
        if let verdict { write(recorder, verdict) }
        return exitCode
    }

    private func write(_ recorder: RunRecorder, _ verdict: RunSummary.Verdict) {
        let faults = session.driver?.log ?? []
        let steps = faults.map { entry in
            Recording.Step(atMs: Int(lab.elapsedUs(atNs: entry.startNs) / 1_000), text: entry.fault.text)
        }
        let endMs = Double(lab.elapsedUs) / 1_000
        let firstMs = faults.first.map { Double(lab.elapsedUs(atNs: $0.startNs)) / 1_000 } ?? endMs
        let healedMs = faults.compactMap(\.endNs).max().map { Double(lab.elapsedUs(atNs: $0)) / 1_000 } ?? endMs
        let ends = [0, firstMs, healedMs, endMs]
        let phases = Drill.PhaseName.allCases.enumerated().map { index, name in
            RunSummary.Phase(name: name.rawValue, fromMs: ends[index], toMs: ends[index + 1])
        }
        let summary = RunSummary(
            recorder.samples, phases: phases, services: lab.topology.services.filter { $0.group == group },
            conflicts: recorder.conflictKeys.count, verdict: verdict)
        let recording = recorder.recording(
            name: "check-\(group.rawValue)", title: "Random faults on app-\(group.rawValue)",
            description: "\(settings.clients) clients for \(settings.seconds) s, with random faults of seed "
                + "\(settings.seed). Only app-\(group.rawValue) has a load.",
            steps: steps, summary: summary)
        let path = "\(settings.outputDirectory)/check-\(group.rawValue)-report.html"
        do {
            try Data(ReportPage.html(recording: recording)).write(to: URL(filePath: path), options: .atomic)
            say("report: \(path)")
        } catch {
            complain("caplab: \(path) was not written: \(error)")
        }
    }
}
