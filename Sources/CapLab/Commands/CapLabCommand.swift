import ArgumentParser

@main
struct CapLabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "caplab",
        abstract: "The CAP pair on this machine, and a network between its parts that can be cut.",
        discussion: """
            'caplab up' starts six redis-servers and four services in two sites, east and west, with a relay on each path \
            between them. From a second terminal the other commands cut those paths and stop processes.
            """,
        subcommands: [
            UpCommand.self, DemoCommand.self, CheckCommand.self, PartitionCommand.self, HealCommand.self,
            PauseCommand.self,
            ResumeCommand.self, KillCommand.self, StartCommand.self, StatusCommand.self, RedisCommand.self,
            LaunchCommand.self, SweepCommand.self,
        ])
}

/// See ``Launcher``.
struct LaunchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: Launcher.commandName, shouldDisplay: false)

    @Option var directory: String
    @Argument(parsing: .postTerminator) var command: [String]

    func run() throws {
        throw ExitCode(Launcher.run(workingDirectory: directory, command: command))
    }
}

/// See ``Sweeper``.
struct SweepCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "__sweep", shouldDisplay: false)

    func run() { Sweeper.run() }
}
