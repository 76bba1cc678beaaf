/// One self-contained HTML file with a recording.
enum ReportPage {
    static func html(recording: [UInt8]) -> [UInt8] {
        let json = String(decoding: recording, as: UTF8.self).replacing("</", with: "<\\/")
        let page = """
            <!doctype html><html lang="en"><meta charset="utf-8"><title>Report</title>
            <script type="application/json" id="recording">\(json)</script></html>

            """
        return Array(page.utf8)
    }
}
