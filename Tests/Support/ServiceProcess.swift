import Foundation
import Synchronization
import TLS

/// A service's executable as a child process, on a free loopback port.
public final class ServiceProcess: Sendable {
    public var port: UInt16 { reservation.port }
    private let reservation: ReservedPort
    private let process: ChildProcess
    private let trust: TLSClientSession.Credentials?

    /// - Parameters:
    ///   - name: `app-cp` or `app-ap`.
    ///   - environment: settings beside `HTTP_PORT`, `LOG_FORMAT` and `SECRET_KEY`.
    ///   - ignoredSignals: names of signals that the process ignores from its start, such as `HUP`. All other signals
    ///     have their default action, even if the tests run in the background.
    ///   - descriptorLimit: the hard limit of open files. The soft limit is half of it, as on many systems the soft
    ///     limit is lower.
    ///   - trust: the server certificates that its clients trust; nil for no TLS.
    ///   - waitsForHealth: false to wait only until the service accepts connections.
    public init(
        _ name: String, environment: [String: String], ignoredSignals: [String] = [], descriptorLimit: Int? = nil,
        trust: TLSClientSession.Credentials? = nil, waitsForHealth: Bool = true
    ) throws {
        self.trust = trust
        let port = try ReservedPort()
        reservation = port
        let limit = descriptorLimit.map { ["/usr/bin/prlimit", "--nofile=\($0 / 2):\($0)"] } ?? []
        process = try ChildProcess(
            "/usr/bin/env",
            limit + ["/usr/bin/env", "--default-signal"] + ignoredSignals.map { "--ignore-signal=\($0)" } + [
                try Self.executable(name)
            ],
            environment: [
                "HTTP_PORT": "\(port.port)", "LOG_FORMAT": "json", "SECRET_KEY": "a-secret-of-the-tests",
                "PATH": "/usr/bin:/bin",
            ].merging(Sanitizers.environment) { $1 }.merging(environment) { $1 })
        if !waitsForHealth {
            // Without a pause, so that the caller is as early as possible.
            for _ in 0..<1_000_000 where process.isRunning {
                if (try? HTTPClient(port: port.port)) != nil { return }
            }
        }
        let isUp = eventually { process.isRunning && (try? http("GET", "/health/live"))?.status == 200 }
        if !isUp { throw TestFailure("\(name) does not answer on port \(port.port): \(process.errorText)") }
    }

    /// The path of an executable in the directory of the build products.
    private static func executable(_ name: String) throws -> String {
        var directory = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = directory.appendingPathComponent(name).path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            directory.deleteLastPathComponent()
        }
        throw TestFailure("\(name) is not built")
    }

    /// Runs an executable to its end.
    public static func run(
        _ name: String, _ arguments: [String], environment: [String: String]
    ) throws -> (code: Int32, output: String, errors: String) {
        let process = try ChildProcess(
            try executable(name), arguments,
            environment: Sanitizers.environment.merging(["PATH": "/usr/bin:/bin"]) { $1 }.merging(environment) { $1 })
        return (process.wait(), process.outputText, process.errorText)
    }

    public var isRunning: Bool { process.isRunning }
    public var processID: Int32 { process.processID }

    /// The log so far.
    public var log: String { process.errorText }

    public func signal(_ number: Int32) { process.signal(number) }

    /// Waits for the process to end.
    ///
    /// - Returns: the exit code and the log.
    public func waitForExit() -> (code: Int32, log: String) { (process.wait(), process.errorText) }

    /// Sends one request on its own connection, and returns the answer.
    public func http(
        _ method: String, _ target: String, headers: [String: String] = [:], body: [UInt8] = []
    ) throws -> HTTPAnswer {
        let client = try HTTPClient(port: port, trust: trust)
        return try client.request(method, target, headers: headers.merging(["Connection": "close"]) { $1 }, body: body)
    }
}

/// A client that sends the session token of each response with its next request, as a client of `app-ap` must do to
/// read its own writes. Clients of `app-cp` need no token.
public final class ClientSession: Sendable {
    private let service: ServiceProcess
    private let headers = Mutex<[String: String]>([:])

    public init(_ service: ServiceProcess) {
        self.service = service
    }

    public func write(_ key: String, _ value: String, headers: [String: String] = [:]) throws -> HTTPAnswer {
        try http("POST", "/write/\(key)/\(value)", headers: headers)
    }

    public func read(_ key: String) throws -> HTTPAnswer { try http("GET", "/read/\(key)") }

    public func http(
        _ method: String, _ target: String, headers: [String: String] = [:], body: [UInt8] = []
    ) throws -> HTTPAnswer {
        let known = self.headers.withLock { $0 }
        let answer = try service.http(method, target, headers: headers.merging(known) { $1 }, body: body)
        if !answer.sessionHeaders.isEmpty { self.headers.withLock { $0 = answer.sessionHeaders } }
        return answer
    }
}

extension HTTPAnswer {
    /// The headers of the next request of the same session.
    public var sessionHeaders: [String: String] {
        headers["x-session-token"].map { ["X-Session-Token": $0] } ?? [:]
    }
}
