import ArgumentParser

struct UpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Starts the pair and runs it until Ctrl-C; then stops it and removes its data.")

    @OptionGroup var place: RunDirectoryOption

    @OptionGroup var ports: PortOptions

    @Option(help: "LOG_LEVEL of the services.")
    var logLevel: String?

    @Option(help: "Keep data and logs in this directory instead of a temporary one.")
    var dataDir: String?

    @OptionGroup var services: ServiceOptions

    @OptionGroup var redis: RedisOptions

    @OptionGroup var proxies: ProxyOptions

    @Flag(help: "The page cannot change the lab. In place of each button, it shows the command to type.")
    var readOnly = false

    private func settings() throws(LabError) -> LabSettings {
        var settings = LabSettings(runDirectory: place.path)
        settings.dataDirectory = dataDir
        settings.programs.serviceEnvironment["LOG_LEVEL"] = logLevel
        settings.isInteractive = true
        try proxies.apply(to: &settings)
        try ports.apply(to: &settings)
        try services.apply(to: &settings)
        try redis.apply(to: &settings)
        return settings
    }

    func run() throws {
        let settings = try exitOnError(self.settings)
        let option = place.path == RunDirectory.standardPath(settings.environment) ? "" : " --run-dir \(place.path)"
        let code = LabHost.run(settings) { lab in
            let page = readOnly ? LabPage(lab, Self.readOnlyPage(lab, option: option)) : LabPage(lab)
            let observation = Observation(lab, page.hub)
            page.show(observation)
            do throws(LabError) { try page.start() } catch {
                complain("caplab: \(error.message)")
                return 1
            }
            observation.start()
            say(Self.welcome(lab, option: option))
            await lab.untilStopRequested()
            say("stopping (\(lab.stopReason))")
            observation.stop()
            page.stop()
            return 0
        }
        throw ExitCode(code)
    }

    private static func readOnlyPage(_ lab: Lab, option: String) -> PageSettings {
        PageSettings(
            address: PageAddress(port: lab.pagePort), isReadOnly: true,
            commands: ShownCommands(program: CommandLine.arguments[0], options: option), bug: lab.settings.bug)
    }

    private static func warning(_ bug: LabBug?) -> [String] {
        guard let bug else { return [] }
        return [
            "A BUG IS SWITCHED ON: \(bug.rawValue). \(bug.summary)",
            "The checkers judge requests from the page and its load generator, but not those from curl.", "",
        ]
    }

    /// - Parameter option: ` --run-dir DIR`, with its leading space: other commands need it to find this lab. Empty for
    ///   the default directory, which is the only one that `make` uses.
    private static func welcome(_ lab: Lab, option: String) -> String {
        func url(_ name: String) -> String { lab.curlTarget(name).url }
        func curl(_ name: String) -> String { "curl \(lab.curlTarget(name).option)" }
        func command(_ target: String, _ arguments: String) -> String {
            option.isEmpty ? "make \(target)" : "\(CommandLine.arguments[0]) \(arguments)\(option)"
        }
        let end = lab.settings.dataDirectory == nil ? "removes its data" : "keeps its data"
        let lines =
            [
                "Page: http://127.0.0.1:\(lab.pagePort)/", "",
                "The pair is running. Ctrl-C stops it and \(end).", "",
            ]
            + Self.warning(lab.settings.bug)
            + Drawing.sites(lab.topology, ports: lab.ports, fault: { _ in .none })
            + [
                "",
                "Write and read, consistent and available:",
                "   \(curl("app_cp"))-X POST \(url("app_cp"))/write/color/green",
                "   \(curl("app_cp_west"))\(url("app_cp_west"))/read/color",
                "   \(curl("app_ap"))-X POST \(url("app_ap"))/write/color/green",
                "   \(curl("app_ap_west"))\(url("app_ap_west"))/read/color",
                "",
                "From a second terminal:",
                "   \(command("partition", "partition west"))    cut the two sites from each other",
                "   \(command("status", "status"))       show processes and links",
                "   \(command("heal", "heal"))         heal every cut",
                "   \(CommandLine.arguments[0]) --help    for one-way cuts, slow links, kill, pause and more",
                "",
                "Logs: \(lab.dataPath)/logs",
            ]
        return lines.joined(separator: "\n")
    }
}
