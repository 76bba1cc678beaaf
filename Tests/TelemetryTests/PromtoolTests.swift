import Foundation
import Telemetry
import Testing

/// Prometheus' own linter of names, help and format; skipped if it is not installed.
private enum Promtool {
    static var path: String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .map { "\($0)/promtool" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// The exit status and output of promtool for a page.
    static func check(_ page: [UInt8]) throws -> (status: Int32, output: String) {
        let process = Process()
        // At most a minute, so that a program that hangs fails the test.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["60", try #require(path), "check", "metrics"]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(page))
        try input.fileHandleForWriting.close()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: said, as: UTF8.self))
    }
}

@Suite(.enabled(if: Promtool.path != nil, "promtool is not installed"), .timeLimit(.minutes(20)))
struct PromtoolTests {
    @Test func promtoolAcceptsAPageOfTheService() throws {
        let registry = sampleRegistry()
        ProcessCollector(in: registry).collect()
        registry.counter("calls_total", help: "h", labels: ["kind"]).with("a\"b\\c\nd").increment()
        let (status, output) = try Promtool.check(registry.page(.text))
        #expect(output == "")
        #expect(status == 0)
    }

    @Test func promtoolRejectsABadPage() throws {
        let (status, output) = try Promtool.check(Array("# TYPE a counter\na 1\n".utf8))
        #expect(status != 0)
        #expect(output != "")
    }
}
