import ArgumentParser
import Consistent
import Glibc
import Service

extension AppCP {
    struct Members: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "members",
            abstract: "Show what every replica reports and which configuration is in force. Changes nothing.",
            discussion: "Exits with 1 if fewer than a majority of the replicas vote.")

        @OptionGroup var options: OperatorOptions

        func run() async throws {
            let service = await options.service.loadSettings(CPSettings.init).service
            let overview = try await options.run(service, scripts: ConsistentScripts.all) {
                group, reactor, deadlineNs in
                let inspector = GroupInspector(group: group, scheduler: reactor, groupName: service.identity.group)
                group.start()
                return await inspector.run(deadlineNs: deadlineNs)
            }
            for line in MembersText.lines(of: overview, group: service.identity.group) { print(line) }
            if overview.votingCount < overview.majority { Glibc.exit(1) }
        }
    }
}

/// The text that `app-cp members` prints.
enum MembersText {
    static func lines(of overview: GroupInspector.Overview, group: String) -> [String] {
        var lines = ["group '\(group)'"]
        lines.append("configuration in force: \(overview.configuration ?? "none that a majority reports")")
        let rows =
            [["node", "role", "voter", "incarnation", "epoch", "rollback_counter", "keys"]]
            + zip(overview.replicas, overview.isVoter).map { view, isVoter in
                [
                    view.name, view.role.name, isVoter ? "yes" : "no", view.incarnation ?? "-",
                    view.epoch.map(String.init) ?? "-", view.rollbackCounter.map(String.init) ?? "-",
                    view.keyCount.map(String.init) ?? "-",
                ]
            }
        lines += table(rows)
        for view in overview.replicas {
            if let problem = view.problem { lines.append("! \(problem)\(advice(for: view, overview))") }
            for fault in view.durabilityFaults ?? [] {
                lines.append("! \(view.name) may lose acknowledged changes: \(fault)")
            }
        }
        lines.append(
            "\(overview.votingCount) of \(overview.replicas.count) replicas vote; \(overview.majority) are needed")
        return lines
    }

    private static func advice(for view: ReplicaView, _ overview: GroupInspector.Overview) -> String {
        switch view.role {
        case .blank where overview.replicas.allSatisfy { $0.role == .blank }: ": run 'app-cp init' for a new group"
        case .blank, .rebuilding: ": the services rebuild it once all other replicas are available"
        default: ""
        }
    }

    private static func table(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            let line = cells.joined(separator: "  ")
            return String(line[...(line.lastIndex { $0 != " " } ?? line.startIndex)])
        }
    }
}
