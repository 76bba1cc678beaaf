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
            UpCommand.self, DemoCommand.self, CheckCommand.self, ReportCommand.self, WatchCommand.self,
            PartitionCommand.self, HealCommand.self, PauseCommand.self, ResumeCommand.self, KillCommand.self,
            StartCommand.self, WipeCommand.self, StatusCommand.self, RedisCommand.self, ReportPageCommand.self,
            LaunchCommand.self, SweepCommand.self,
        ])
}
