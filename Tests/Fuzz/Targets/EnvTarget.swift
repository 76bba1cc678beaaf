import Foundation

@testable import AppCP
@testable import Service

/// A `.env` file: it is refused, or every line of it applies; and no report contains a secret.
struct EnvTarget: FuzzTarget {
    private static let canary = "hunter2canary"
    private let path = NSTemporaryDirectory() + "fuzz-\(getpid())-\(UInt64.random(in: 0 ... .max)).env"

    /// Settings that reports may show.
    private static let open: [Substring] = ["NODE_ID", "SITE", "GROUP", "HTTP_PORT", "HTTP_BIND", "LOG_LEVEL"]

    func check(_ input: FuzzInput) async throws(Finding) {
        var input = input
        // Byte 1 stands for the secret, so that no change of the input tears it.
        var bytes: [UInt8] = []
        for byte in input.remainder() { if byte == 1 { bytes += Array(Self.canary.utf8) } else { bytes.append(byte) } }
        guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else { throw Finding("no file") }
        defer { unlink(path) }
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        let showsSecret = lines.contains { $0.contains(Self.canary) && !Self.isSecret($0) }

        var reader: SettingsReader
        do throws(SettingError) { reader = try await .standard(envFilePath: path, isFileRequired: true) } catch {
            try require(!error.description.contains(Self.canary), "the secret is in: \(error)")
            return
        }
        _ = CPSettings(from: &reader)
        reader.checkNames(envFilePath: path, environment: [])
        let reports = reader.problems.joined(separator: "\n") + reader.report
        try require(showsSecret || !reports.contains(Self.canary), "the secret is in: \(reports)")
        let inFile = EnvFile.problems(of: path, SettingNames(read: reader.entries.map(\.name)))
        guard inFile.isEmpty else { return }
        try requireEveryLineApplies(lines, reader)
    }

    /// The value is a secret. In `REPLICAS` only passwords are: a report shows names and hosts.
    private static func isSecret(_ line: String) -> Bool {
        let name = line.drop { $0 == " " || $0 == "\t" }.prefix { $0 != "=" }
        if name == "REPLICAS" {
            return !line.replacing("redis://:\(canary)@h", with: "").contains(canary)
        }
        return !open.contains(name) && !SettingNames.ofOneService.contains(String(name))
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.firstIndex { !$0.isWhitespace } ?? text.endIndex
        let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? start
        return String(text[start..<end])
    }

    private func requireEveryLineApplies(_ lines: [String], _ reader: SettingsReader) throws(Finding) {
        for line in lines {
            let text = Self.trimmed(line[...])
            guard !text.hasPrefix("#"), let equals = text.firstIndex(of: "=") else { continue }
            let name = String(text[..<equals])
            guard let entry = reader.entries.first(where: { $0.name == name }), entry.source != .environment,
                entry.source != .secretFile
            else { continue }
            let value = Self.trimmed(text[text.index(after: equals)...])
            try require(
                entry.source == .file && entry.value == value,
                "\(name) is \(entry.value.debugDescription) (\(entry.source)), not \(value.debugDescription)")
        }
    }
}
