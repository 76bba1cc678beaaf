import EventLoop
import FoundationEssentials
import Glibc
import Synchronization

/// Plays drills one after the other, each on its own lab, and writes their reports.
struct ReportRunner {
    /// The result of a drill. The reactor's thread writes it, and it is read after that thread has ended.
    private final class Outcome: Sendable {
        let result = Mutex<DrillRun.Result?>(nil)
    }

    let drills: [Drill]
    /// The directory in which `NAME.html` and `NAME.json` are written.
    let directory: String
    let maxBytes: Int
    let services: ServiceOptions
    let writesIndex: Bool

    /// - Returns: 0 if every guarantee held; 1 if one was violated or a drill could not be played; 130 after Ctrl-C.
    func run() throws(LabError) -> Int32 {
        try prepare()
        var rows: [ReportIndex.Row] = []
        var exitCode: Int32 = 0
        var lastPath = ""
        for drill in drills {
            let outcome = Outcome()
            let code = try play(drill, outcome)
            let result = outcome.result.withLock { $0 }
            guard code != interrupted else { return code }
            exitCode = max(exitCode, code)
            rows.append(.init(name: drill.name, title: drill.title, summary: result?.summary))
            guard let result else { continue }
            show(result.summary)
            lastPath = "\(directory)/\(drill.name).html"
            try write(result.recording, "\(directory)/\(drill.name).json")
            try write(ReportPage.html(recording: result.recording), lastPath)
        }
        if writesIndex {
            lastPath = "\(directory)/index.html"
            try write(ReportIndex(rows: rows).html, lastPath)
        }
        if !lastPath.isEmpty { say(lastPath) }
        return exitCode
    }

    private func prepare() throws(LabError) {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw LabError("cannot make the directory \(directory): \(error)", exitCode: 2)
        }
    }

    private func play(_ drill: Drill, _ outcome: Outcome) throws(LabError) -> Int32 {
        var settings = LabSettings(runDirectory: "/tmp/caplab-report-\(getpid())")
        settings.programs.clockNodes = drill.clockNodes
        try services.apply(to: &settings)
        say("\(drill.name): \(drill.title) (\(drill.durationMs / 1_000) s)")
        let maxBytes = maxBytes
        return LabHost.run(settings) { lab in
            do throws(LabError) {
                let result = try await DrillRun(drill, lab, maxBytes: maxBytes).run()
                outcome.result.withLock { $0 = result }
                return result.summary.isHeld ? 0 : 1
            } catch {
                guard error != .interrupted else { return interrupted }
                complain("caplab: \(drill.name): \(error.message)")
                return 1
            }
        }
    }

    private func show(_ summary: RunSummary) {
        say("\n" + summary.table + "\n")
        for line in summary.conclusion { say(line) }
        say("")
    }

    private func write(_ bytes: [UInt8], _ path: String) throws(LabError) {
        do {
            try Data(bytes).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw LabError("\(path) was not written: \(error)")
        }
    }
}

/// The exit code of a run that Ctrl-C ended: 128 + SIGINT, as in shells.
private let interrupted: Int32 = 130
