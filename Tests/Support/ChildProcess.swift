import CLinux
import Foundation
import Glibc

/// A child process in the directory `/`, whose output goes to files.
///
/// `Foundation.Process` is not safe with several threads: a child inherits the descriptors that another thread opens
/// while the child starts. The child then keeps the pipes and sockets of other tests open, and `waitUntilExit` waits
/// for an unrelated process.
public final class ChildProcess: @unchecked Sendable {
    // Safe because a test drives one process from one task at a time.
    public private(set) var processID: pid_t = 0
    private let output = tmpfile()
    private let errors = tmpfile()
    private var status: Int32?

    public init(
        _ program: String, _ arguments: [String] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, fileno(output), STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fileno(errors), STDERR_FILENO)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        posix_spawn_file_actions_addchdir_np(&actions, "/")
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A process group of its own: Ctrl-C reaches only the tests, which then end their children.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        var settings = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for word in words + settings { free(word) } }
        let code = posix_spawn(&processID, program, &actions, &attributes, &words, &settings)
        guard code == 0 else {
            status = code
            throw TestFailure("\(program): \(String(cString: strerror(code)))")
        }
    }

    deinit {
        signal(SIGKILL)
        _ = wait()
        fclose(output)
        fclose(errors)
    }

    public var isRunning: Bool {
        guard status == nil else { return false }
        var state: Int32 = 0
        guard waitpid(processID, &state, WNOHANG) == processID else { return true }
        // The number of the signal that ended it, or its exit code.
        status = state & 0x7F != 0 ? state & 0x7F : state >> 8 & 0xFF
        return false
    }

    /// Sends a signal, unless the process has ended.
    public func signal(_ number: Int32) {
        if isRunning { Glibc.kill(processID, number) }
    }

    /// Waits until the process ends. After a minute it is killed.
    ///
    /// - Returns: its exit code, or the number of the signal that ended it.
    public func wait() -> Int32 {
        for _ in 0..<30_000 where isRunning { usleep(2_000) }
        while isRunning {
            Glibc.kill(processID, SIGKILL)
            usleep(2_000)
        }
        return status ?? -1
    }

    /// The standard output of the process so far.
    public var outputText: String { Self.text(output) }
    public var errorText: String { Self.text(errors) }

    private static func text(_ file: UnsafeMutablePointer<FILE>?) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        // `pread` does not move the file position, which the process uses for its next write.
        while case let count = pread(fileno(file), &chunk, chunk.count, off_t(bytes.count)), count > 0 {
            bytes += chunk.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
