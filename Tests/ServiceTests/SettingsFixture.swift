import Foundation
import Service
import Testing

@testable import AppAP
@testable import AppCP

/// One of the two services, for tests of its settings.
enum Program: String, CaseIterable, Sendable {
    case appCP = "app-cp"
    case appAP = "app-ap"

    /// The settings without a default.
    var necessary: [String: String] { self == .appAP ? ["SECRET_KEY": "0123456789abcdef"] : [:] }

    /// Reads all its settings from `values`, and from nothing else.
    func read(_ values: [String: String]) -> SettingsReader {
        let values = necessary.merging(values) { $1 }
        var reader = SettingsReader { name in values[name].map { ($0, .environment) } }
        switch self {
        case .appCP: _ = CPSettings(from: &reader)
        case .appAP: _ = APSettings(from: &reader)
        }
        return reader
    }

    /// The errors for `values`, one per line; nil if they are valid.
    func complaint(about values: [String: String]) -> String? {
        let problems = read(values).problems
        return problems.isEmpty ? nil : problems.joined(separator: "\n")
    }

    var defaults: [String: String] {
        Dictionary(uniqueKeysWithValues: read([:]).entries.map { ($0.name, $0.value) })
    }
}

/// The settings that both services have, for the service `mode`, with `values` for some of them.
func serviceSettings(_ mode: ServiceMode = .cp, _ values: [String: String] = [:]) throws -> ServiceSettings {
    let values = Program.appAP.necessary.merging(values) { $1 }
    var reader = SettingsReader { name in values[name].map { ($0, .environment) } }
    let settings = ServiceSettings(mode: mode, from: &reader)
    try #require(reader.problems.isEmpty, "\(reader.problems)")
    return settings
}

let repositoryURL = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// The text of a file of the repository.
func repositoryFile(_ path: String) throws -> String {
    try String(contentsOf: repositoryURL.appendingPathComponent(path), encoding: .utf8)
}

/// The file at the root of the repository that documents the settings.
struct EnvExample {
    struct Setting {
        let name: String
        let value: String
        /// The comment above the setting.
        let comment: String
    }

    /// The settings of the services.
    private(set) var settings: [Setting] = []
    /// The settings that only docker-compose.yml uses: the last part of the file.
    private(set) var ofCompose: [Setting] = []

    init() throws {
        let text = try repositoryFile(".env.example")
        var isOfCompose = false
        var comment: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("# ---- docker-compose.yml only ") { isOfCompose = true }
            if let match = line.wholeMatch(of: /#?([A-Z][A-Z0-9_]*)=(.*)/) {
                let setting = Setting(
                    name: String(match.1), value: String(match.2),
                    comment: comment.map { $0.drop { $0 == "#" || $0 == " " } }.joined(separator: " "))
                if isOfCompose { ofCompose.append(setting) } else { settings.append(setting) }
                comment = []
            } else {
                if line.isEmpty { comment = [] } else { comment.append(line) }
            }
        }
    }
}
