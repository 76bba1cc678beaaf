import ArgumentParser
import Consistent
import Glibc

extension AppCP {
    struct Members: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "members",
            abstract: "Tell what every replica says of itself and which configuration is in force. Changes nothing.",
            discussion: "Ends with 1 where fewer than a majority of the replicas vote.")

        @OptionGroup var options: OperatorOptions

        func run() async throws {
            let done = try await options.run { session in
                let inspector = GroupInspector(
                    group: session.group, scheduler: session.reactor, groupName: session.groupName)
                session.group.start()
                return await inspector.run(deadlineNs: session.deadlineNs)
            }
            guard let (settings, overview) = done else { return }
            for line in MembersText.lines(of: overview, group: settings.service.group) { print(line) }
            if overview.votingCount <= overview.replicas.count / 2 { Glibc.exit(1) }
        }
    }
}

/// What `app-cp members` prints.
enum MembersText {
    static func lines(of overview: GroupInspector.Overview, group: String) -> [String] {
        var lines = ["group '\(group)'"]
        lines.append("configuration in force: \(overview.configuration ?? "none that a majority shows")")
        let rows =
            [["node", "role", "counted", "incarnation", "epoch", "rollback_counter", "keys"]]
            + zip(overview.replicas, overview.isCounted).map { view, isCounted in
                [
                    view.name, view.role, isCounted ? "yes" : "no", view.incarnation ?? "-",
                    view.epoch.map(String.init) ?? "-", view.beat.map(String.init) ?? "-",
                    view.keyCount.map(String.init) ?? "-",
                ]
            }
        lines += table(rows)
        for view in overview.replicas {
            if let trouble = view.trouble { lines.append("! \(trouble)\(advice(for: view, overview))") }
            for fault in view.durabilityFaults ?? [] { lines.append("! \(view.name) may lose what it took: \(fault)") }
        }
        let count = overview.replicas.count
        lines.append("\(overview.votingCount) of \(count) replicas vote; \(count / 2 + 1) are needed")
        return lines
    }

    private static func advice(for view: ReplicaView, _ overview: GroupInspector.Overview) -> String {
        switch view.standing {
        case .blank where overview.replicas.allSatisfy { $0.standing == .blank }: ": run 'app-cp init' for a new group"
        case .blank, .rebuilding: ": the services rebuild it when all others are there"
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
