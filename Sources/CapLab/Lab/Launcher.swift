import FoundationEssentials
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
        closeOnExec()
        signal(SIGPIPE, SIG_DFL)
        guard chdir(workingDirectory) == 0 else { return failed("chdir to \(workingDirectory)") }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        execv(program, &arguments)
        return failed("exec \(program)")
    }

    /// The sweeper's pipe, and whatever the lab itself was born with: a child that keeps a stranger's pipe open keeps that
    /// stranger waiting.
    private static func closeOnExec() {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in [sweeperDescriptor] + open.compactMap({ Int32($0) }) where descriptor > 2 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    private static func failed(_ what: String) -> Int32 {
        let line = Array("caplab: \(what): \(String(cString: strerror(errno)))\n".utf8)
        _ = write(2, line, line.count)
        return 127
    }
}
