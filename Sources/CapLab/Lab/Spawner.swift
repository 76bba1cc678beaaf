import Glibc

/// A program to start, with its arguments, environment, input and log.
struct LaunchPlan: Sendable {
    let program: String
    var arguments: [String] = []
    var environment: [String: String] = [:]
    /// The bytes that the program can read from standard input, at most ``Spawner/maxInputBytes``.
    var input: [UInt8] = []
    /// The file to which standard output and standard error are appended.
    let logPath: String
    var workingDirectory = "/"
}

/// Starts child processes that do not outlive the lab.
struct Spawner: Sendable {
    /// The most bytes of ``LaunchPlan/input``. They fit into the kernel's buffer of a pipe, so writing them does not
    /// block, even though the child does not read yet.
    static let maxInputBytes = 32 << 10

    /// The write end of the sweeper's pipe, see ``SweepCommand``.
    private let sweeperPipe: Int32
    private let sweeperPid: pid_t

    /// Starts the sweeper, see ``SweepCommand``.
    /// - Parameter paths: the files and directories that the sweeper removes if the lab is killed, besides the run
    ///   directory.
    init(runDirectory: RunDirectory, paths: [String]) throws(LabError) {
        let ends = try Self.pipe()
        let discard = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer {
            close(ends[0])
            close(discard)
        }
        sweeperPipe = ends[1]
        sweeperPid = try Self.start(
            SweepCommand.name, [runDirectory.path] + paths, environment: [:], input: ends[0], output: discard)
    }

    /// Tells the sweeper that the lab has removed its files itself, and waits until the sweeper ends.
    func finish() {
        _ = write(sweeperPipe, [0], 1)
        close(sweeperPipe)
        var status: Int32 = 0
        while waitpid(sweeperPid, &status, 0) < 0, errno == EINTR {}
    }

    /// Starts a child process by way of ``LaunchCommand``.
    func start(_ plan: LaunchPlan) throws(LabError) -> pid_t {
        precondition(plan.input.count <= Self.maxInputBytes, "the input does not fit into a pipe")
        let log = open(plan.logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw LabError(systemCall: "open \(plan.logPath)") }
        defer { close(log) }
        let ends = try Self.pipe()
        defer { close(ends[0]) }
        _ = write(ends[1], plan.input, plan.input.count)
        close(ends[1])
        return try Self.start(
            LaunchCommand.name,
            ["--lab", "\(getpid())", "--directory", plan.workingDirectory, "--", plan.program] + plan.arguments,
            environment: plan.environment, input: ends[0], output: log)
    }

    /// Starts this program again, with a hidden command.
    private static func start(
        _ command: String, _ arguments: [String], environment: [String: String], input: Int32, output: Int32
    ) throws(LabError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // No duplicate overwrites a source that is still needed: each source descriptor is above 2, or equals its
        // target.
        for (source, target) in [(input, 0), (output, 1), (output, 2)] as [(Int32, Int32)] {
            posix_spawn_file_actions_adddup2(&actions, source, target)
        }
        let words = ["caplab", command] + arguments
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &argv, &envp)
        guard result == 0 else { throw LabError(systemCall: "start caplab \(command)", errno: result) }
        return pid
    }

    /// A pipe whose two ends are closed on exec. Only this thread starts children, so no child starts between the two
    /// system calls and inherits an end.
    private static func pipe() throws(LabError) -> [Int32] {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw LabError(systemCall: "pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return ends
    }
}
