import Glibc

/// A program to run, with its surroundings.
struct LaunchPlan: Sendable {
    let program: String
    var arguments: [String] = []
    var environment: [String: String] = [:]
    /// Written to standard input, which then ends. At most ``Spawner/maxInputBytes``.
    var input: [UInt8] = []
    /// Standard output and error are appended to this file.
    let logPath: String
    var workingDirectory = "/"
}

/// Starts children that do not outlive the lab.
struct Spawner: Sendable {
    /// A pipe holds this much without a reader.
    static let maxInputBytes = 32 << 10

    /// The path of this program, see ``Launcher``.
    private let caplab: String
    /// The write end of the sweeper's pipe.
    private let sweeper: Int32
    private let sweeperPid: pid_t

    /// Starts the sweeper.
    /// - Parameter paths: the files that it removes if the lab is killed.
    init(caplab: String, runDirectory: RunDirectory, paths: [String]) throws(LabError) {
        let ends = try Self.pipe()
        let discard = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer {
            close(ends[0])
            close(discard)
        }
        self.caplab = caplab
        sweeper = ends[1]
        do throws(LabError) {
            sweeperPid = try Self.start(
                caplab, ["caplab", Sweeper.commandName, runDirectory.path] + paths, environment: [:],
                descriptors: [(ends[0], 0), (discard, 1), (discard, 2)])
        } catch {
            close(ends[1])
            throw error
        }
    }

    /// Tells the sweeper that the lab removed its files itself, and waits for it.
    func finish() {
        _ = write(sweeper, [0], 1)
        close(sweeper)
        var status: Int32 = 0
        while waitpid(sweeperPid, &status, 0) < 0, errno == EINTR {}
    }

    /// Starts a child through the ``Launcher``.
    func start(_ plan: LaunchPlan) throws(LabError) -> pid_t {
        precondition(plan.input.count <= Self.maxInputBytes, "the input does not fit into a pipe")
        let log = open(plan.logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw Self.failure("open \(plan.logPath)", errno) }
        defer { close(log) }
        let ends = try Self.pipe()
        defer { close(ends[0]) }
        _ = write(ends[1], plan.input, plan.input.count)
        close(ends[1])
        return try Self.start(
            caplab,
            ["caplab", Launcher.commandName, "--lab", "\(getpid())", "--directory", plan.workingDirectory, "--"]
                + [plan.program] + plan.arguments,
            environment: plan.environment, descriptors: [(ends[0], 0), (log, 1), (log, 2)])
    }

    private static func start(
        _ program: String, _ arguments: [String], environment: [String: String], descriptors: [(Int32, Int32)]
    ) throws(LabError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // In this order: each source is above 2 or already in its place.
        for (source, target) in descriptors { posix_spawn_file_actions_adddup2(&actions, source, target) }

        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, program, &actions, nil, &argv, &envp)
        guard result == 0 else { throw failure("start \(program)", result) }
        return pid
    }

    /// Both ends are closed on exec. Only this thread starts children, so none starts in between.
    private static func pipe() throws(LabError) -> [Int32] {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw failure("pipe", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return ends
    }

    private static func failure(_ what: String, _ error: Int32) -> LabError {
        LabError("\(what): \(String(cString: strerror(error)))")
    }
}
