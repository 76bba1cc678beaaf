import Foundation
import Testing

@testable import CapLab

/// `scripts/check-arguments.sh` checks ARGS before a build, so it must know the options of `caplab`.
@Suite(.timeLimit(.minutes(20))) struct ArgumentCheckTests {
    private func run(_ arguments: [String]) throws -> (exitCode: Int32, output: String) {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        let output = Pipe()
        process.executableURL = root.appendingPathComponent("scripts/check-arguments.sh")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    /// The long options that a command declares, from ArgumentParser's description of it.
    private func declared(_ name: String) throws -> Set<String> {
        let data = Data(CapLabCommand._dumpHelp().utf8)
        let dump = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let caplab = try #require(dump["command"] as? [String: Any])
        let all = try #require(caplab["subcommands"] as? [[String: Any]])
        let command = try #require(all.first { $0["commandName"] as? String == name })
        let arguments = try #require(command["arguments"] as? [[String: Any]])
        let names = arguments.flatMap { $0["names"] as? [[String: Any]] ?? [] }
        return Set(names.filter { $0["kind"] as? String == "long" }.compactMap { $0["name"] as? String })
            .subtracting(["help"])
    }

    @Test(arguments: [["up"], ["demo"], ["check", "cp"], ["report"]])
    func theScriptKnowsTheOptionsOfTheCommand(_ path: [String]) throws {
        let listed = try run(["--list", path[0]]).output.split(whereSeparator: \.isWhitespace)
        #expect(try Set(listed.map { String($0.prefix { $0 != ":" }) }) == declared(path[0]))
        for option in listed {
            let parts = option.split(separator: ":").map(String.init)
            let arguments = parts[1] == "flag" ? ["--\(parts[0])"] : ["--\(parts[0])", "1"]
            #expect(try run([path[0]] + arguments).exitCode == 0, "\(option)")
            // `caplab` must reject a text for the same options: numbers and flags.
            let isNumber = (try? CapLabCommand.parseAsRoot(path + ["--\(parts[0])=x"])) == nil
            #expect(isNumber == (parts[1] != "text"), "\(option)")
        }
    }

    @Test(arguments: [
        ["--prot-base", "6000"], ["--port-base"], ["--port-base", "x"], ["--port-base="], ["6000"],
        ["--free-ports=yes"],
    ])
    func aWrongArgumentFailsWithOneLine(_ arguments: [String]) throws {
        let result = try run(["up"] + arguments)
        #expect(result.exitCode == 2)
        #expect(result.output.hasPrefix("caplab up: "))
        #expect(result.output.split(separator: "\n").count == 1)
        #expect((try? CapLabCommand.parseAsRoot(["up"] + arguments)) == nil)
    }

    @Test func bothSpellingsOfAValueAreAccepted() throws {
        #expect(try run(["up", "--port-base", "6000", "--service-env", "--A=b", "--free-ports"]).exitCode == 0)
        #expect(try run(["up", "--port-base=6000"]).exitCode == 0)
    }
}
