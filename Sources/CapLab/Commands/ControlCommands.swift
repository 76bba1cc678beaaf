import ArgumentParser
import FoundationEssentials
import Glibc

/// The option that selects a running lab.
struct RunDirectoryOption: ParsableArguments {
    @Option(name: .customLong("run-dir"), help: "Directory of the lab's control socket. Default: one per user.")
    var given: String?

    var path: String { given ?? RunDirectory.standardPath(ProcessInfo.processInfo.environment) }

    /// Sends a request to the lab and prints the reply. Ends the program if the lab rejects the request.
    @discardableResult
    func ask(_ request: ControlRequest) throws -> ControlReply {
        try exitOnError { () throws(LabError) in
            let reply = try ControlSocket.ask(request, in: RunDirectory(path: path))
            if reply.exitCode != 0 { throw LabError(reply.message ?? "refused", exitCode: reply.exitCode) }
            if let message = reply.message { say(message) }
            return reply
        }
    }
}

/// The options that select links for `partition` and `heal`.
struct LinkOptions: ParsableArguments {
    @OptionGroup var place: RunDirectoryOption
    @Argument(help: "A site or a node.") var target: String?
    @Option(help: "Only the links of this group.") var group: GroupName?
    @Option(help: "One way: from this site or node ...") var from: String?
    @Option(help: "... to this one.") var to: String?
    @Option(help: ArgumentHelp("One link.", valueName: "service>replica")) var link: String?

    func ask(_ command: ControlRequest.Command, mode: String? = nil) throws {
        try place.ask(
            ControlRequest(command: command, target: target, from: from, to: to, link: link, group: group, mode: mode))
    }
}

struct PartitionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partition",
        abstract: "Cuts off a site or a node.",
        discussion: """
            A site (west, east): every link to the other site. A node (cp_db_g2, app_cp_west): all its links. With --from \
            and --to: only that direction.

            Modes: drop (packets vanish, the default), reset (connections are reset), stall (requests arrive, answers do \
            not), delay=50ms (each way; delay=0 removes it). Faults accumulate until 'caplab heal'.
            """)

    @OptionGroup var links: LinkOptions
    @Option(help: "drop, reset, stall or delay=50ms.") var mode: String = "drop"

    func run() throws { try links.ask(.partition, mode: mode) }
}

struct HealCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heal", abstract: "Heals every link, or removes all faults of the links that are named.")

    @OptionGroup var links: LinkOptions

    func run() throws { try links.ask(.heal) }
}

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pauses a process (SIGSTOP): it keeps its connections and does not answer.")

    @OptionGroup var place: RunDirectoryOption
    @Argument var node: String

    func run() throws { try place.ask(ControlRequest(command: .pause, target: node)) }
}

struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resumes a paused process (SIGCONT).")

    @OptionGroup var place: RunDirectoryOption
    @Argument var node: String

    func run() throws { try place.ask(ControlRequest(command: .resume, target: node)) }
}

struct KillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "Kills a process (SIGKILL).")

    @OptionGroup var place: RunDirectoryOption
    @Argument var node: String

    func run() throws { try place.ask(ControlRequest(command: .kill, target: node)) }
}

struct StartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Starts a killed process again, with the same port and data.")

    @OptionGroup var place: RunDirectoryOption
    @Argument var node: String

    func run() throws { try place.ask(ControlRequest(command: .start, target: node)) }
}

struct WipeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wipe", abstract: "Kills a replica, deletes its data, and starts it again, blank.")

    @OptionGroup var place: RunDirectoryOption
    @Argument var node: String

    func run() throws { try place.ask(ControlRequest(command: .wipe, target: node)) }
}

struct RedisCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis",
        abstract: "Opens redis-cli on a replica: caplab redis cp_db_g1 HGETALL cp:color")

    @OptionGroup var place: RunDirectoryOption
    @Argument var node: String
    @Argument(parsing: .captureForPassthrough, help: "Arguments of redis-cli.") var command: [String] = []

    func run() throws {
        let reply = try place.ask(ControlRequest(command: .redis, target: node))
        try exitOnError { () throws(LabError) in
            let program = try Executables.inPath("redis-cli", ProcessInfo.processInfo.environment)
            guard let access = reply.redis else { throw LabError("the lab did not report where \(node) is") }
            setenv("REDISCLI_AUTH", access.password, 1)
            execute(program, ["-h", "127.0.0.1", "-p", String(access.port)] + command)
            throw LabError(systemCall: program)
        }
    }
}

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Shows the processes and links of the running lab.")

    @OptionGroup var place: RunDirectoryOption
    @Flag(help: "Print one line of JSON.") var json = false

    func run() throws {
        guard let status = try place.ask(ControlRequest(command: .status)).status else { return }
        say(json ? status.json : Self.text(status))
    }

    static func text(_ status: LabStatus) -> String {
        let nodes = status.nodes.map { node in
            [node.name, node.site.rawValue, node.state, node.pid.map { "\($0)" } ?? "-", "\(node.port)"]
        }
        let links = status.links.map { link in
            ["\(link.service) - \(link.replica)", link.state, "\(link.connections)", "\(link.heldBytes)"]
        }
        return TextLayout.table([["NODE", "SITE", "PROCESS", "PID", "PORT"]] + nodes) + "\n\n"
            + (links.isEmpty
                ? "no relays (started with --direct)"
                : TextLayout.table([["LINK", "STATE", "CONNECTIONS", "HELD BYTES"]] + links))
    }
}
