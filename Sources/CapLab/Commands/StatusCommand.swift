import ArgumentParser
import FoundationEssentials

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows the processes and the links of the running lab.")

    @OptionGroup var place: RunDirectoryOption
    @Flag(help: "As one line of JSON.") var json = false

    func run() throws {
        guard let status = try place.ask(ControlRequest(command: .status)).status else { return }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            say(String(decoding: (try? encoder.encode(status)) ?? Data(), as: UTF8.self))
        } else {
            say(Self.text(status))
        }
    }

    static func text(_ status: LabStatus) -> String {
        let nodes =
            [["NODE", "SITE", "PROCESS", "PID", "PORT"]]
            + status.nodes.map { node in
                [node.name, node.site.rawValue, node.state, node.pid.map { "\($0)" } ?? "-", "\(node.port)"]
            }
        guard !status.links.isEmpty else { return Table.text(nodes) + "\n\nno relays (started with --direct)" }
        let links =
            [["LINK", "STATE", "CONNECTIONS", "HELD BYTES"]]
            + status.links.map { link in
                ["\(link.service) - \(link.replica)", link.state, "\(link.connections)", "\(link.heldBytes)"]
            }
        return Table.text(nodes) + "\n\n" + Table.text(links)
    }
}

/// Columns as wide as their widest cell.
enum Table {
    static func text(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : Drawing.padded(cell, widths[column])
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
