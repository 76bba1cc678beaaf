/// The page that `caplab up` prints when all is ready.
enum Welcome {
    /// - Parameter option: what the other commands need to find this lab, with a space before it; mostly nothing.
    static func page(_ lab: Lab, option: String) -> String {
        func url(_ name: String) -> String { "http://127.0.0.1:\(lab.ports[name] ?? 0)" }
        // `make` finds the lab in its standard place only.
        func command(_ target: String, _ words: String) -> String {
            option.isEmpty ? "make \(target)" : "\(CommandLine.arguments[0]) \(words)\(option)"
        }
        let end = lab.settings.dataDirectory == nil ? "removes its data" : "keeps its data"
        let lines =
            ["The pair is running. Ctrl-C stops it and \(end).", ""]
            + Drawing.sites(lab.topology, ports: lab.ports, fault: { _ in .none })
            + [
                "",
                "Write and read, consistent and available:",
                "   curl -X POST \(url("app_cp"))/write/color/green",
                "   curl \(url("app_cp_west"))/read/color",
                "   curl -X POST \(url("app_ap"))/write/color/green",
                "   curl \(url("app_ap_west"))/read/color",
                "",
                "From a second terminal:",
                "   \(command("partition", "partition west"))    cut the two sites from each other",
                "   \(command("status", "status"))       who runs, which links are cut",
                "   \(command("heal", "heal"))         mend everything",
                "   \(CommandLine.arguments[0]) --help    for one-way cuts, slow links, kill, pause and more",
                "",
                "Logs: \(lab.dataPath)/logs",
            ]
        return lines.joined(separator: "\n")
    }
}
