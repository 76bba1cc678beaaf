import FoundationEssentials
import Glibc

/// Removes the lab's files if the lab is killed (SIGKILL, out of memory). Its processes are killed by the kernel then, see
/// ``Launcher``.
///
/// The lab starts this program again as the sweeper, at the other end of a pipe. A pipe that closes without a byte means that the
/// lab did not stop in order.
enum Sweeper {
    static let commandName = "__sweep"

    /// Runs until the lab's end of the pipe, standard input, is closed.
    /// - Parameters:
    ///   - runDirectory: its socket and lock are removed, and the directory if it is empty then.
    ///   - paths: removed with everything in them.
    static func run(runDirectory: RunDirectory, paths: [String]) {
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_IGN) }
        var byte: UInt8 = 0
        guard read(0, &byte, 1) == 0 else { return }
        // A process that dies meanwhile may still create a file: try for five seconds at most.
        for _ in 0..<500 where paths.contains(where: { access($0, F_OK) == 0 }) {
            for path in paths { try? FileManager.default.removeItem(atPath: path) }
            usleep(10_000)
        }
        // Only under the lock: a new lab may be running there already.
        if let lock = try? runDirectory.lock() {
            runDirectory.remove()
            RunDirectory.unlock(lock)
        }
    }
}
