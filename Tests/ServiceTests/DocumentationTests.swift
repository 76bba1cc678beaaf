import Foundation
import Logging
import Service
import Testing

@testable import AppAP
@testable import AppCP
@testable import Telemetry

/// Compares the pages in `docs/` with the code.
@Suite(.timeLimit(.minutes(20))) struct DocumentationTests {
    /// One row of a table of `docs/metrics.md`.
    private struct Row: Hashable {
        let name: String
        let type: String
        let labels: [String]
    }

    private static func rows() throws -> [Row] {
        try repositoryFile("docs/metrics.md").split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
            guard cells.count == 4, cells[0].contains("_") else { return nil }
            let labels = cells[2].matches(of: /[a-z_]+/).map { String($0.output) }
            return Row(name: cells[0], type: cells[1], labels: labels)
        }
    }

    /// The registries of both services.
    private static func registries() throws -> [PrometheusRegistry] {
        let ofCP = ServiceMetrics(try serviceSettings(.cp))
        _ = ConsistentMetrics(ofCP, names: [], logger: Logger(label: "test"))
        let ofAP = ServiceMetrics(try serviceSettings(.ap))
        _ = AvailableMetrics(ofAP, names: [], logger: Logger(label: "test"))
        return [ofCP.registry, ofAP.registry]
    }

    /// Names and types as a scrape shows them.
    private static func families(_ registry: PrometheusRegistry) -> [String: String] {
        let page = String(decoding: registry.page(.text), as: UTF8.self)
        let found = page.matches(of: /# TYPE ([a-z_]+) ([a-z]+)/).map { (String($0.1), String($0.2)) }
        return Dictionary(uniqueKeysWithValues: found)
    }

    @Test func thePageOfMetricsListsExactlyThoseOfTheServices() throws {
        let rows = try Self.rows()
        var shown: [String: String] = [:]
        for registry in try Self.registries() { shown.merge(Self.families(registry)) { $1 } }
        #expect(Set(rows.map(\.name)) == Set(shown.keys))
        #expect(Set(rows.map(\.name)).count == rows.count, "each once")
        for row in rows { #expect(row.type == shown[row.name], "\(row.name)") }
    }

    @Test func thePageOfMetricsListsTheirLabels() throws {
        let rows = try Self.rows()
        for registry in try Self.registries() {
            for row in rows where registry.labelNames(of: row.name) != nil {
                #expect(registry.labelNames(of: row.name) == row.labels, "\(row.name)")
            }
        }
    }

    @Test func thePageOfLogEventsListsExactlyThoseOfTheServices() throws {
        let page = try repositoryFile("docs/log-events.md")
        let listed = page.matches(of: /(?m)^\| `([A-Z_]+)` \|/).map { String($0.1) }
        #expect(listed.sorted() == LogEventName.allCases.map(\.rawValue).sorted())
    }

    /// `Suite/test` or `Suite` in the last column, and paths of other tests.
    @Test func everyTestThatTheThreatModelNamesExists() throws {
        let page = try repositoryFile("docs/threat-model.md")
        var sources = ""
        let files = FileManager.default.enumerator(
            at: repositoryURL.appendingPathComponent("Tests"), includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            sources += try String(contentsOf: file, encoding: .utf8)
        }
        let named = page.matches(of: /`([A-Z][A-Za-z]+Tests)(?:\/([a-zA-Z0-9]+))?`/)
        #expect(named.count > 25)
        for name in named where name.1 != "DocumentationTests" {
            #expect(sources.contains("struct \(name.1)"), "\(name.0)")
            if let test = name.2 { #expect(sources.contains("func \(test)("), "\(name.0)") }
        }
        for path in page.matches(of: /`((?:Tests|\.ci)\/[A-Za-z_\/.]+)`/) {
            #expect(FileManager.default.fileExists(atPath: repositoryURL.appendingPathComponent(String(path.1)).path))
        }
    }

    @Test func theDesignHasEveryRuleThatACommentCites() throws {
        let page = try repositoryFile("docs/design.md")
        let defined = Set(page.matches(of: /### ([AC][0-9]+)[ ]/).map { String($0.1) })
        var named: Set<String> = []
        for folder in ["Sources", "Tests"] {
            let files = FileManager.default.enumerator(
                at: repositoryURL.appendingPathComponent(folder), includingPropertiesForKeys: nil)
            while let file = files?.nextObject() as? URL {
                guard ["swift", "lua", "toml"].contains(file.pathExtension) else { continue }
                let text = try String(contentsOf: file, encoding: .utf8)
                for mention in text.matches(of: #/(?:DESIGN|[Rr]ules?|rule =) "?(?:[AC][0-9]+(?:, | and | to )?)+/#) {
                    named.formUnion(mention.output.matches(of: /[AC][0-9]+/).map { String($0.output) })
                }
            }
        }
        #expect(named.count > 10)
        #expect(named.subtracting(defined) == [])
    }
}
