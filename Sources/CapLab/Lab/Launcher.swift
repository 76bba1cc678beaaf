import ArgumentParser
import CLinux
import FoundationEssentials
import Glibc

/// The program with which each child process begins: this program again, with a hidden command. It prepares the
/// process, and then replaces itself by the program of the child (exec).
struct LaunchCommand: ParsableCommand {
    static let name = "__launch"
    static let configuration = CommandConfiguration(commandName: name, shouldDisplay: false)

    /// The process id of the lab. The child must not outlive the lab.
    @Option var lab: Int32
    @Option var directory: String
    @Argument(parsing: .postTerminator) var command: [String]

    /// Ends only on failure, with exit code 127. The message goes to standard error, which is the child's log.
    func run() throws {
        guard let program = command.first, clinux_die_with_parent() == 0 else { throw failure("prctl") }
        // If the lab died before the call above, the kernel will not kill this process, so end it here.
        guard getppid() == lab else { throw ExitCode(127) }
        // Leave the terminal's process group: Ctrl-C must reach only the lab, which shuts its children down cleanly.
        setpgid(0, 0)
        receiveSignals()
        closeOnExec()
        guard chdir(directory) == 0 else { throw failure("chdir to \(directory)") }
        execute(program, Array(command.dropFirst()))
        throw failure("exec \(program)")
    }

    /// Unblocks all signals and resets their handling, because the lab blocks or ignores some that its children need.
    private func receiveSignals() {
        for number in 1...SIGSYS { signal(number, SIG_DFL) }
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
    }

    /// Closes every inherited descriptor above standard error when the real program starts. If a child kept the write
    /// end of a pipe open, the pipe's reader would never see the end of its input.
    private func closeOnExec() {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > 2 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    private func failure(_ what: String) -> ExitCode {
        complain("caplab: \(LabError(systemCall: what).message)")
        return ExitCode(127)
    }
}

/// Replaces this program with another one. Returns only on failure, with `errno` set.
func execute(_ program: String, _ arguments: [String]) {
    var pointers: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    execv(program, &pointers)
}

/// Removes the lab's files if the lab is killed, by SIGKILL or because memory is full. In that case the kernel kills
/// the lab's child processes, see ``LaunchCommand``, but nothing else removes its files.
///
/// The lab starts this program again as the sweeper, which reads from a pipe. A lab that has removed its files itself
/// writes one byte. The end of the pipe without a byte means that the lab was killed.
struct SweepCommand: ParsableCommand {
    static let name = "__sweep"
    static let configuration = CommandConfiguration(commandName: name, shouldDisplay: false)

    /// The lab's run directory. Its socket and lock are removed, and the directory itself if it is empty after that.
    @Argument var runDirectory: String
    /// Files and directories that are removed with all their contents.
    @Argument var paths: [String] = []

    /// Waits for the byte or for the end of the pipe, which is standard input. If no byte comes, removes the files.
    func run() {
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_IGN) }
        var byte: UInt8 = 0
        guard read(0, &byte, 1) == 0 else { return }
        // A process that is still dying may create another file, so try again for at most five seconds.
        for _ in 0..<500 where paths.contains(where: { access($0, F_OK) == 0 }) {
            for path in paths { try? FileManager.default.removeItem(atPath: path) }
            usleep(10_000)
        }
        // Remove the run directory only under its lock, because a new lab may already be using it.
        let directory = RunDirectory(path: runDirectory)
        if let lock = try? directory.lock() {
            directory.remove()
            RunDirectory.unlock(lock)
        }
    }
}
