import FoundationEssentials

/// The drills that are built into the program. The build embeds the files in `Drills`, see `Package.swift`.
enum DrillCatalog {
    /// The drills with their names, in the order of the index page.
    static let all: [(name: String, yaml: [UInt8])] = [
        ("west-cut", PackageResources.west_cut_yml),
        ("one-way-cut", PackageResources.one_way_cut_yml),
        ("flapping-link", PackageResources.flapping_link_yml),
        ("slow-replica", PackageResources.slow_replica_yml),
        ("rolling-restart", PackageResources.rolling_restart_yml),
        ("kill-9", PackageResources.kill_9_yml),
        ("wiped-replica", PackageResources.wiped_replica_yml),
        ("clock-step", PackageResources.clock_step_yml),
        ("full-memory", PackageResources.full_memory_yml),
    ]

    /// - Parameter text: the name of a drill, the path of a file that ends with `.yml`, or `all`.
    static func drills(_ text: String) throws(LabError) -> [Drill] {
        if text == "all" { return try all.map { entry throws(LabError) in try drill(entry.name, entry.yaml) } }
        if let entry = all.first(where: { $0.name == text }) { return [try drill(entry.name, entry.yaml)] }
        guard text.hasSuffix(".yml") || text.hasSuffix(".yaml") else {
            let names = all.map(\.name).joined(separator: ", ")
            throw LabError("there is no drill '\(text)'; valid: \(names), all, or a file FILE.yml", exitCode: 2)
        }
        let yaml: String
        do {
            yaml = try String(contentsOfFile: text, encoding: .utf8)
        } catch {
            throw LabError("\(text): the file cannot be read", exitCode: 2)
        }
        let name = text.split(separator: "/").last.map { String($0[..<($0.lastIndex(of: ".") ?? $0.endIndex)]) } ?? ""
        guard name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9_.-]{0,59}/) != nil else {
            throw LabError("\(text): the file's name has letters, digits, '-' and '_' only", exitCode: 2)
        }
        return [try Drill(yaml: yaml, name: name, file: text)]
    }

    private static func drill(_ name: String, _ yaml: [UInt8]) throws(LabError) -> Drill {
        try Drill(yaml: String(decoding: yaml, as: UTF8.self), name: name, file: "\(name).yml")
    }
}
