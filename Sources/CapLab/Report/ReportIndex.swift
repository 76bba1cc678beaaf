/// The page that lists the reports of all drills.
struct ReportIndex {
    struct Row: Sendable {
        let name: String
        let title: String
        /// The summary of the drill's run; nil if the drill could not be played.
        let summary: RunSummary?
    }

    let rows: [Row]

    var html: [UInt8] {
        let head = [
            "drill", "CP answered during", "AP answered during", "CP linearizable", "AP writes lost", "AP converged",
        ]
        let body = rows.map { row in
            let name = Self.escaped(row.name)
            return "<tr><th scope=\"row\">"
                + (row.summary == nil ? name : "<a href=\"\(name).html\">\(name)</a>") + "<br>"
                + "<small>\(Self.escaped(row.title))</small></th>"
                + Self.cells(row.summary).map { "<td>\(Self.escaped($0))</td>" }.joined() + "</tr>"
        }
        let page = """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>CAP drills</title>
            <style>
            :root { color-scheme: light dark; }
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
            table { border-collapse: collapse; width: 100%; }
            th, td { text-align: left; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid #8888; }
            td { font-variant-numeric: tabular-nums; }
            th { font-weight: 600; }
            small { font-weight: 400; }
            .wide { overflow-x: auto; }
            </style>
            <h1>CAP drills</h1>
            <p>Each row is a run of both services on real processes, with the same load at both sites. CP refuses rather
            than answer with old data; AP answers, and converges after the fault. Open a report to replay its run.</p>
            <div class="wide"><table>
            <tr>\(head.map { "<th scope=\"col\">\($0)</th>" }.joined())</tr>
            \(body.joined(separator: "\n"))
            </table></div>
            </html>

            """
        return Array(page.utf8)
    }

    private static func cells(_ summary: RunSummary?) -> [String] {
        guard let summary else { return ["not played", "", "", "", ""] }
        let during = Drill.PhaseName.during.rawValue
        let verdict = summary.verdict
        let shares = [GroupName.cp, .ap].map { group in
            summary.availability(of: group, in: during).map(RunSummary.percent) ?? "-"
        }
        return shares + [
            verdict.isLinearizable.map { $0 ? "yes" : "NO" } ?? "not decided",
            "\(verdict.lostWrites) of \(verdict.acknowledgedWrites)",
            verdict.convergedInMs.map { "after \(Answer.seconds($0)) s" } ?? "not seen",
        ]
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
