import EventLoop
import Foundation
import Glibc
import TestSupport

@testable import CapLab

/// The result of a `caplab` command.
struct CommandResult {
    let exitCode: Int32
    let output: String
    let errors: String

    var errorLines: [Substring] { errors.split(separator: "\n") }
}

/// A `caplab up` in its own process, with stand-ins for the services.
final class LabProcess {
    let directory: ScratchDirectory
    let process = Process()
    private let output = Pipe()
    private(set) var page = ""

    var runDirectory: String { directory.path + "/run" }

    static var program: String { Executables.runningDirectory + "/caplab" }

    /// Starts the lab. Returns when the lab reports that everything runs; otherwise throws an error with its output.
    /// - Parameter ignoredSignals: names of signals that the lab ignores from its start, such as `HUP`. All others have
    ///   their default action.
    init(
        _ directory: ScratchDirectory? = nil, _ arguments: [String] = ["--free-ports"], ignoredSignals: [String] = []
    ) throws {
        self.directory = try directory ?? ScratchDirectory()
        try StandIn.install(in: self.directory.path)
        // The shell lets the lab inherit a descriptor, as build tools may do.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["--default-signal"] + ignoredSignals.map { "--ignore-signal=\($0)" }
            + ["/bin/sh", "-c", "exec \"$0\" \"$@\" 9</dev/zero", Self.program, "up"]
            + ["--bin-dir", self.directory.path, "--run-dir", runDirectory] + arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        guard prints("Logs: ") else { throw TestFailure("the lab exited with \(waitForExit()): \(page)") }
    }

    deinit {
        guard process.isRunning else { return }
        process.terminate()
        _ = waitForExit()
    }

    /// Waits at most 60 s for this text in the output.
    func prints(_ text: String) -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while !page.contains(text) {
            var descriptor = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard ContinuousClock.now < deadline, poll(&descriptor, 1, 1_000) >= 0 else { return false }
            guard descriptor.revents != 0 else { continue }
            let part = output.fileHandleForReading.availableData
            if part.isEmpty { return false }
            page += String(decoding: part, as: UTF8.self)
        }
        return true
    }

    /// Waits at most 30 s for the exit, and then kills the process.
    private func waitForExit() -> Int32 {
        if !eventually({ !process.isRunning }) && !eventually({ !process.isRunning }) {
            kill(process.processIdentifier, SIGKILL)
        }
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Runs another command against this lab.
    @discardableResult
    func caplab(_ arguments: String...) throws -> CommandResult {
        try Self.run([arguments[0], "--run-dir", runDirectory] + arguments.dropFirst())
    }

    static func run(_ arguments: [String]) throws -> CommandResult {
        let process = Process()
        // At most 90 s, so that a command that hangs fails.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["-k", "5", "90", program] + arguments + sanitizerOptions(arguments.first)
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return CommandResult(
            exitCode: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: complaint, as: UTF8.self))
    }

    /// The services of these commands do not inherit the environment.
    private static func sanitizerOptions(_ command: String?) -> [String] {
        guard let command, ["check", "demo", "report"].contains(command) else { return [] }
        return Sanitizers.environment.flatMap { ["--service-env", "\($0.key)=\($0.value)"] }
    }

    func status() throws -> LabStatus {
        let result = try caplab("status", "--json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(LabStatus.self, from: Data(result.output.utf8))
    }

    func node(_ name: String) throws -> LabStatus.NodeStatus {
        guard let node = try status().nodes.first(where: { $0.name == name }) else { throw TestFailure("no \(name)") }
        return node
    }

    /// The processes and paths that must not outlive the lab.
    func traces() throws -> Traces {
        let status = try status()
        let children = try String(contentsOfFile: "/proc/\(status.pid)/task/\(status.pid)/children", encoding: .utf8)
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(status.pid)/task")
        let all = try threads.map {
            try String(contentsOfFile: "/proc/\(status.pid)/task/\($0)/children", encoding: .utf8)
        }
        let pids = ([children] + all).joined(separator: " ").split(separator: " ").compactMap { pid_t($0) }
        let processes = Set(pids + status.nodes.compactMap(\.pid))
        return Traces(processes: processes.filter(isAlive), paths: [status.dataDirectory, runDirectory])
    }

    /// Sends a signal, as a terminal or a service manager does, and waits for the exit.
    /// - Returns: the exit code.
    func stop(_ number: Int32 = SIGTERM) -> Int32 {
        kill(process.processIdentifier, number)
        return waitForExit()
    }
}

/// Processes and paths of a lab.
struct Traces: Sendable {
    let processes: Set<pid_t>
    let paths: [String]

    /// Waits until none of them exists any more. Returns those that still do.
    func left(_ reactor: Reactor) async -> [String] {
        _ = await reactor.eventually { now.isEmpty }
        return now
    }

    private var now: [String] {
        processes.filter(isAlive).map { "process \($0)" }
            + paths.filter { access($0, F_OK) == 0 }
    }
}
