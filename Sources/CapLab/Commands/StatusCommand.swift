import ArgumentParser
import FoundationEssentials

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows the processes and links of the running lab.")

    @OptionGroup var place: RunDirectoryOption
    @Flag(help: "Print one line of JSON.") var json = false

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
        guard !status.links.isEmpty else { return TextLayout.table(nodes) + "\n\nno relays (started with --direct)" }
        let links =
            [["LINK", "STATE", "CONNECTIONS", "HELD BYTES"]]
            + status.links.map { link in
                ["\(link.service) - \(link.replica)", link.state, "\(link.connections)", "\(link.heldBytes)"]
            }
        return TextLayout.table(nodes) + "\n\n" + TextLayout.table(links)
    }
}
