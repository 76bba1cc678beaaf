import Foundation
import Glibc

/// A service's executable as a child process, on a free loopback port.
public final class ServiceProcess: @unchecked Sendable {
    // Safe because a test drives one service from one task at a time.
    public let port: UInt16
    private let process = Process()
    private let log = Pipe()

    /// - Parameters:
    ///   - name: `app-cp` or `app-ap`.
    ///   - environment: settings beside `HTTP_PORT`, `LOG_FORMAT` and `SECRET_KEY`.
    public init(_ name: String, environment: [String: String]) throws {
        port = try freePort()
        process.executableURL = try Self.executable(name)
        process.environment = [
            "HTTP_PORT": "\(port)", "LOG_FORMAT": "json", "SECRET_KEY": "a-secret-of-the-tests",
            "PATH": "/usr/bin:/bin",
        ].merging(environment) { $1 }
        // An empty directory: no `.env` file of the machine may have an effect.
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardError = log
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        for _ in 0..<1_000 {
            if (try? http("GET", "/health/live"))?.status == 200 { return }
            usleep(10_000)
        }
        throw TestFailure("\(name) does not answer on port \(port)")
    }

    deinit {
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// The directory of the build products: the test bundle and the executables.
    public static func executable(_ name: String) throws -> URL {
        var directory = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = directory.appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            directory.deleteLastPathComponent()
        }
        throw TestFailure("\(name) is not built")
    }

    /// Runs an executable to its end.
    public static func run(
        _ name: String, _ arguments: [String], environment: [String: String]
    ) throws -> (code: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = try executable(name)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let errorText = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text, errorText)
    }

    public var isRunning: Bool { process.isRunning }
    public var processID: Int32 { process.processIdentifier }

    public func signal(_ number: Int32) { Glibc.kill(process.processIdentifier, number) }

    /// Waits for the process to end.
    ///
    /// - Returns: the exit code and the log.
    public func waitForExit() -> (code: Int32, log: String) {
        let text = String(decoding: log.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    /// One request on its own connection.
    public func http(
        _ method: String, _ target: String, headers: [String: String] = [:], body: [UInt8] = []
    ) throws -> HTTPAnswer {
        let client = try HTTPClient(port: port)
        return try client.request(method, target, headers: headers.merging(["Connection": "close"]) { $1 }, body: body)
    }
}
