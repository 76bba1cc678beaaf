import ArgumentParser

@main
struct CapLabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "caplab",
        abstract: "The CAP pair on this machine, with a network that can be cut.",
        discussion: """
            'caplab up' starts six redis-servers and four services at two sites, east and west, with a relay on each link \
            between them. From a second terminal the other commands cut links and stop processes.
            """,
        subcommands: [
            UpCommand.self, DemoCommand.self, CheckCommand.self, PartitionCommand.self, HealCommand.self,
            PauseCommand.self, ResumeCommand.self, KillCommand.self, StartCommand.self, StatusCommand.self,
            RedisCommand.self,
            LaunchCommand.self, SweepCommand.self,
        ])
}

/// See ``Launcher``.
struct LaunchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: Launcher.commandName, shouldDisplay: false)

    @Option var lab: Int32
    @Option var directory: String
    @Argument(parsing: .postTerminator) var command: [String]

    func run() throws {
        throw ExitCode(Launcher.run(lab: lab, workingDirectory: directory, command: command))
    }
}

/// See ``Sweeper``.
struct SweepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: Sweeper.commandName, shouldDisplay: false)

    @Argument var runDirectory: String
    @Argument var paths: [String] = []

    func run() { Sweeper.run(runDirectory: RunDirectory(path: runDirectory), paths: paths) }
}
