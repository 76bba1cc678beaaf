import Foundation
import Glibc
import Synchronization

/// A real `redis-server` on a free loopback port, with its own data directory. The environment variable
/// `TEST_REDIS_SERVER` selects another program, such as another version or Valkey.
public final class RedisServer: @unchecked Sendable {
    // Safe because a test drives one server from one task at a time; no method is called concurrently.
    public let port: UInt16
    public let directory: String
    private let reservation: ReservedPort?
    private let arguments: [String]
    private var process: ChildProcess?

    private static let program = ProcessInfo.processInfo.environment["TEST_REDIS_SERVER"] ?? "/usr/bin/redis-server"

    /// Starts a server and waits until it replies. By default, the append-only file is on, so that a restart keeps the
    /// data.
    public init(_ arguments: [String] = ["--appendonly", "yes", "--appendfsync", "always"], port: UInt16? = nil) throws
    {
        reservation = port == nil ? try ReservedPort() : nil
        self.port = port ?? reservation!.port
        self.arguments = arguments
        directory = NSTemporaryDirectory() + "cap-redis-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: directory)
    }

    public var url: String { "redis://127.0.0.1:\(port)" }

    /// Starts the server on the same port and data, and waits until it replies (10 s at most).
    public func start() throws {
        precondition(process == nil, "already running")
        let process = try ChildProcess(
            Self.program,
            ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", directory, "--loglevel", "warning"]
                + arguments)
        self.process = process
        LiveServers.add(process.processID, directory: directory)
        // Another process may have taken the port while this server was down. So the reply must name this process,
        // unless the server requires a password.
        for _ in 0..<1_000 where process.isRunning {
            let answer = (try? cli("INFO", "server")) ?? ""
            if answer.contains("process_id:\(process.processID)\r") || answer.hasPrefix("NOAUTH") { return }
            usleep(10_000)
        }
        throw TestFailure("redis-server did not answer on port \(port): \(process.outputText)")
    }

    /// Ends the server by `SIGKILL`, as in a crash.
    public func kill() {
        guard let process else { return }
        process.signal(SIGKILL)
        _ = process.wait()
        LiveServers.remove(process.processID)
        self.process = nil
    }

    /// Stops the server by `SIGSTOP`: the kernel still accepts connections, but the server does not reply.
    public func pause() { process?.signal(SIGSTOP) }

    public func resume() { process?.signal(SIGCONT) }

    /// Runs a command with `redis-cli` and returns its output without the final newline.
    @discardableResult
    public func cli(_ arguments: String...) throws -> String { try cli(arguments) }

    @discardableResult
    public func cli(_ arguments: [String]) throws -> String {
        let cli = try ChildProcess("/usr/bin/redis-cli", ["-p", "\(port)"] + arguments)
        _ = cli.wait()
        let text = cli.outputText
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}

/// Ends servers that still run when the test process ends, because a reference kept their owner alive.
private enum LiveServers {
    private struct State {
        var directories: [Int32: String] = [:]
        var isArmed = false
    }

    /// Shared by all tests of the process, which run concurrently.
    private static let state = Mutex(State())

    static func add(_ processID: Int32, directory: String) {
        state.withLock { state in
            state.directories[processID] = directory
            if !state.isArmed { atexit { LiveServers.endAll() } }
            state.isArmed = true
        }
    }

    static func remove(_ processID: Int32) {
        _ = state.withLock { $0.directories.removeValue(forKey: processID) }
    }

    static func endAll() {
        for (processID, directory) in state.withLock({ $0.directories }) {
            Glibc.kill(processID, SIGKILL)
            try? FileManager.default.removeItem(atPath: directory)
        }
    }
}

public struct TestFailure: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
