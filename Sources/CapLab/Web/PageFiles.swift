import HTTP

/// The files of the page, which are embedded in the program.
enum PageFiles {
    /// The files by name, as in the path `/page/NAME`. The build embeds the files in `Page`, see `Package.swift`.
    static let all: [String: [UInt8]] = [
        "actions.mjs": PackageResources.actions_mjs,
        "answers.mjs": PackageResources.answers_mjs,
        "chapters.mjs": PackageResources.chapters_mjs,
        "charts.mjs": PackageResources.charts_mjs,
        "commands.mjs": PackageResources.commands_mjs,
        "controls.mjs": PackageResources.controls_mjs,
        "dom.mjs": PackageResources.dom_mjs,
        "events.mjs": PackageResources.events_mjs,
        "faults.mjs": PackageResources.faults_mjs,
        "lanes.mjs": PackageResources.lanes_mjs,
        "legend.mjs": PackageResources.legend_mjs,
        "main.mjs": PackageResources.main_mjs,
        "map.css": PackageResources.map_css,
        "map.mjs": PackageResources.map_mjs,
        "menu.mjs": PackageResources.menu_mjs,
        "motion.mjs": PackageResources.motion_mjs,
        "page.css": PackageResources.page_css,
        "panels.css": PackageResources.panels_css,
        "player.mjs": PackageResources.player_mjs,
        "print.mjs": PackageResources.print_mjs,
        "recording.mjs": PackageResources.recording_mjs,
        "readonly.mjs": PackageResources.readonly_mjs,
        "records.mjs": PackageResources.records_mjs,
        "replay.mjs": PackageResources.replay_mjs,
        "report.css": PackageResources.report_css,
        "report.mjs": PackageResources.report_mjs,
        "story.mjs": PackageResources.story_mjs,
        "terms.mjs": PackageResources.terms_mjs,
        "toggle.mjs": PackageResources.toggle_mjs,
        "tour.mjs": PackageResources.tour_mjs,
        "verdict.mjs": PackageResources.verdict_mjs,
        "violations.mjs": PackageResources.violations_mjs,
        "wires.mjs": PackageResources.wires_mjs,
    ]

    private static let tokenMark = "{{lab-token}}"

    /// `index.html` with the token in place of `{{lab-token}}`.
    /// - Parameter token: nil for a read-only page.
    static func index(token: String?) -> [UInt8] {
        let text = String(decoding: PackageResources.index_html, as: UTF8.self)
        return Array(text.replacing(tokenMark, with: token ?? "").utf8)
    }

    static func response(_ name: String) throws(Problem) -> Response {
        guard let bytes = all[name] else {
            throw Problem(status: 404, code: "not_found", detail: "the page has no such file")
        }
        return Response(contentType: contentType(of: name), body: bytes)
    }

    static func contentType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "css": "text/css; charset=utf-8"
        case "mjs", "js": "text/javascript; charset=utf-8"
        case "html": "text/html; charset=utf-8"
        case "svg": "image/svg+xml"
        case "json": ContentType.json
        default: ContentType.octets
        }
    }
}
