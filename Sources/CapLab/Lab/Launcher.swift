import CLinux
import FoundationEssentials
import Glibc

/// The first moments of a child: this program again, which prepares the process and then becomes the child's real program.
enum Launcher {
    static let commandName = "__launch"

    /// Returns only on failure, with a message on standard error, which is the child's log.
    /// - Parameter lab: the process that the child must not outlive.
    static func run(lab: pid_t, workingDirectory: String, command: [String]) -> Int32 {
        guard let program = command.first, clinux_die_with_parent() == 0 else { return failed("prctl") }
        // The lab may have died before the call above.
        guard getppid() == lab else { return 127 }
        // Ctrl-C in the terminal must reach only the lab, which stops its children in order.
        setpgid(0, 0)
        receiveSignals()
        closeOnExec()
        guard chdir(workingDirectory) == 0 else { return failed("chdir to \(workingDirectory)") }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        execv(program, &arguments)
        return failed("exec \(program)")
    }

    /// The lab blocks and ignores signals that its children must receive.
    private static func receiveSignals() {
        for number in 1...SIGSYS { signal(number, SIG_DFL) }
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
    }

    /// Everything above standard error, also what the lab inherited: a pipe that a child keeps open never ends for its reader.
    private static func closeOnExec() {
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > 2 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    private static func failed(_ what: String) -> Int32 {
        complain("caplab: \(what): \(String(cString: strerror(errno)))")
        return 127
    }
}
