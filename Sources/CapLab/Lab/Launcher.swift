import Glibc

/// The moment between a child's birth and its real program: this program again, which tells the sweeper who it is, and
/// then becomes the other one. As long as it has not, it keeps the pipe open, so that the sweeper waits for it.
enum Launcher {
    /// The sweeper's pipe is passed under this number.
    static let sweeperDescriptor: Int32 = 3
    static let commandName = "__launch"

    /// Does not return where all goes well. What goes wrong is said on standard error, which is the child's log.
    static func run(workingDirectory: String, command: [String]) -> Int32 {
        let pid = getpid()
        guard let program = command.first, let ticks = Sweeper.startTicks(of: pid) else { return 127 }
        let line = Array(SweepList.Message.child(.init(pid: pid, startTicks: ticks)).line.utf8)
        // No reader any more means that the lab has gone in the meantime: then nothing is to start.
        signal(SIGPIPE, SIG_IGN)
        guard write(sweeperDescriptor, line, line.count) == line.count else { return 127 }
        guard fcntl(sweeperDescriptor, F_SETFD, FD_CLOEXEC) == 0 else { return 127 }
        signal(SIGPIPE, SIG_DFL)
        guard chdir(workingDirectory) == 0 else { return failed("chdir to \(workingDirectory)") }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        execv(program, &arguments)
        return failed("exec \(program)")
    }

    private static func failed(_ what: String) -> Int32 {
        let line = Array("caplab: \(what): \(String(cString: strerror(errno)))\n".utf8)
        _ = write(2, line, line.count)
        return 127
    }
}
