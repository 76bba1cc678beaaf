import ArgumentParser
import CLinux
import FoundationEssentials
import Glibc

/// The first moments of a child: this program again, which prepares the process and then becomes the child's real
/// program.
struct LaunchCommand: ParsableCommand {
    static let name = "__launch"
    static let configuration = CommandConfiguration(commandName: name, shouldDisplay: false)

    /// The process that the child must not outlive.
    @Option var lab: Int32
    @Option var directory: String
    @Argument(parsing: .postTerminator) var command: [String]

    /// Returns only on failure, with a message on standard error, which is the child's log.
    func run() throws {
        guard let program = command.first, clinux_die_with_parent() == 0 else { throw failure("prctl") }
        // The lab may have died before the call above.
        guard getppid() == lab else { throw ExitCode(127) }
        // Ctrl-C in the terminal must reach only the lab, which stops its children in order.
        setpgid(0, 0)
        receiveSignals()
        closeOnExec()
        guard chdir(directory) == 0 else { throw failure("chdir to \(directory)") }
        execute(program, Array(command.dropFirst()))
        throw failure("exec \(program)")
    }

    /// The lab blocks and ignores signals that its children must receive.
    private func receiveSignals() {
        for number in 1...SIGSYS { signal(number, SIG_DFL) }
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
    }

    /// Everything above standard error, also what the lab inherited: a pipe that a child keeps open never ends for its
    /// reader.
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

/// Replaces this program by another one. Returns only on failure, with `errno` set.
func execute(_ program: String, _ arguments: [String]) {
    var pointers: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    execv(program, &pointers)
}

/// Removes the lab's files if the lab is killed (SIGKILL, out of memory). Its processes are killed by the kernel then,
/// see ``LaunchCommand``.
///
/// The lab starts this program again as the sweeper, at the other end of a pipe. A pipe that closes without a byte
/// means that the lab did not stop in order.
struct SweepCommand: ParsableCommand {
    static let name = "__sweep"
    static let configuration = CommandConfiguration(commandName: name, shouldDisplay: false)

    /// Its socket and lock are removed, and the directory if it is empty then.
    @Argument var runDirectory: String
    /// Removed with everything in them.
    @Argument var paths: [String] = []

    /// Runs until the lab's end of the pipe, standard input, is closed.
    func run() {
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_IGN) }
        var byte: UInt8 = 0
        guard read(0, &byte, 1) == 0 else { return }
        // A process that is still dying may create another file: retry for five seconds at most.
        for _ in 0..<500 where paths.contains(where: { access($0, F_OK) == 0 }) {
            for path in paths { try? FileManager.default.removeItem(atPath: path) }
            usleep(10_000)
        }
        // Only under the lock: a new lab may be running there already.
        let directory = RunDirectory(path: runDirectory)
        if let lock = try? directory.lock() {
            directory.remove()
            RunDirectory.unlock(lock)
        }
    }
}
