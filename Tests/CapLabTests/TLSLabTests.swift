import Foundation
import Glibc
import TestSupport
import Testing

@testable import CapLab

/// A lab whose services serve HTTPS.
@Suite(.serialized, .timeLimit(.minutes(20))) struct TLSLabTests {
    private func shell(_ command: String) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.standardOutput = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(.enabled(if: DemoTests.hasServices)) func itsCurlLinesWork() throws {
        let lab = try LabProcess(nil, ["--free-ports", "--tls", "--bin-dir", Executables.runningDirectory])
        let lines = lab.page.split(separator: "\n").filter { $0.contains("curl ") }
        #expect(lines.count == 4)
        for line in lines {
            #expect(line.contains("https://"))
            #expect(try shell("\(line) -sS -o /dev/null -w '%{http_code}'") == "200", "\(line)")
        }
        var status = stat()
        #expect(stat(lab.runDirectory + "/services.pem", &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try lab.caplab("partition", "west").exitCode == 0)
        #expect(try lab.caplab("heal").exitCode == 0)
        #expect(lab.stop(SIGTERM) == 0)
        #expect(access(lab.runDirectory, F_OK) != 0, "no certificate is left")
    }

    @Test(.enabled(if: DemoTests.hasServices)) func itsClientsSpeakTLS() throws {
        let result = try LabProcess.run(["demo", "--tls"])
        #expect(result.exitCode == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("https://127.0.0.1:"))
        #expect(result.output.contains("Every answer was as described."))
    }

    @Test(.enabled(if: DemoTests.hasServices)) func itsClientsSendTheirToken() throws {
        let directory = try ScratchDirectory()
        let (tokens, token) = (directory.path + "/tokens", directory.path + "/token")
        let make = "app-cp token lab --scopes read,write,admin,metrics --file \(tokens) >\(token)"
        #expect(try shell("\(Executables.runningDirectory)/\(make) && echo made") == "made\n")
        let arguments = ["demo", "--tls", "--service-env", "AUTH_TOKENS_FILE=\(tokens)", "--token-file", token]
        let result = try LabProcess.run(arguments)
        #expect(result.exitCode == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("Authorization: Bearer $(cat"))
        #expect(result.output.contains("Every answer was as described."))
    }

    @Test func aBugNeedsPlainServices() throws {
        let directory = try ScratchDirectory()
        let result = try LabProcess.run(
            ["up", "--free-ports", "--run-dir", directory.path + "/run", "--tls", "--break", "stale-read"])
        #expect(result.exitCode == 2)
        #expect(
            result.errors == "caplab: --tls and --break do not work together: the faulty proxy reads requests and "
                + "answers, and has no TLS\n")
    }
}
