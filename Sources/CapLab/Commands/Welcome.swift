/// The page that `caplab up` prints when all is ready.
enum Welcome {
    /// - Parameter option: what the other commands need to find this lab, with a space before it; mostly nothing.
    static func page(_ topology: Topology, ports: [String: UInt16], keepsData: String?, option: String) -> String {
        func url(_ name: String) -> String { "http://127.0.0.1:\(ports[name] ?? 0)" }
        let lines =
            [
                "The pair is running. Ctrl-C stops it\(keepsData.map { " and keeps the data in \($0)" } ?? " and removes its data").",
                "",
            ]
            + Drawing.sites(topology, ports: ports, fault: { _ in .none })
            + [
                "",
                "Write and read, consistent and available:",
                "  curl -X POST \(url("app_cp"))/write/color/green",
                "  curl \(url("app_cp_west"))/read/color",
                "  curl -X POST \(url("app_ap"))/write/color/green",
                "  curl \(url("app_ap_west"))/read/color",
                "",
                "From a second terminal:",
                "  caplab partition west\(option)    cut the two sites from each other",
                "  caplab status\(option)            who runs, which links are cut",
                "  caplab heal\(option)              mend everything",
            ]
        return lines.joined(separator: "\n")
    }
}
