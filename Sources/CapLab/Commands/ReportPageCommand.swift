import ArgumentParser
import FoundationEssentials

/// Creates the page of a report from its recording, without running the drill again.
struct ReportPageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report-page",
        abstract: "Makes the HTML page of a report from its recording (JSON).",
        shouldDisplay: false)

    @Argument(help: "A recording, such as the data that a report offers as JSON.")
    var recording: String

    @Argument(help: "The HTML file to write.")
    var page: String

    /// The members that distinguish a recording from other JSON.
    private struct Header: Decodable {
        let format: Int
        let durationMs: Double
    }

    func run() throws {
        try exitOnError { () throws(LabError) in try write() }
    }

    private func write() throws(LabError) {
        guard let bytes = try? Data(contentsOf: URL(filePath: recording)) else {
            throw LabError("\(recording) cannot be read", exitCode: 2)
        }
        guard let header = try? JSONDecoder().decode(Header.self, from: bytes), header.format == 1 else {
            throw LabError("\(recording) is not a recording of format 1", exitCode: 2)
        }
        do {
            try Data(ReportPage.html(recording: Array(bytes))).write(to: URL(filePath: page))
        } catch { throw LabError("\(page) cannot be written", exitCode: 2) }
    }
}
