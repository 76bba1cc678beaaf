/// Draws the end of a failing history as one self-contained HTML page. It has a lane per client, a bar per operation
/// from its call to its return, and a sentence about the unexplained operation.
public struct Timeline<M: Model> {
    private let prefix: FailingPrefix<M>
    private let shown: [Operation<M>]
    private let lanes: [Int]
    private let startNs: UInt64
    private let endNs: UInt64

    private static var maxShown: Int { 60 }
    private static var width: Double { 1_100 }
    private static var left: Double { 90 }
    private static var laneHeight: Double { 46 }

    public init(_ prefix: FailingPrefix<M>) {
        self.prefix = prefix
        let endNs = prefix.culprit.returnNs
        self.endNs = endNs
        // Show only the operations that were called last. Older ones seldom matter.
        let recent = prefix.operations.filter { $0.isPending || $0.returnNs <= endNs }.suffix(Self.maxShown)
        shown = Array(recent)
        startNs = recent.filter { !$0.isPending }.map(\.callNs).min() ?? prefix.culprit.callNs
        lanes = Set(recent.map(\.client)).sorted()
    }

    public var html: String {
        let height = Double(lanes.count) * Self.laneHeight + 40
        var body = ""
        for (index, client) in lanes.enumerated() {
            let y = Double(index) * Self.laneHeight + 24
            body += "<text class=\"lane\" x=\"4\" y=\"\(y + 16)\">client \(client)</text>\n"
            for operation in shown where operation.client == client { body += bar(operation, y: y) }
        }
        return """
            <!doctype html>
            <html lang="en"><meta charset="utf-8"><title>Not linearizable: \(escaped(prefix.culprit.key))</title>
            <style>
            :root { --ink: #1d1d1f; --paper: #fff; --good: #3b82c4; --open: #c98a1b; --bad: #c0392b; }
            @media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --paper: #17181a; --good: #6fb1ee; --open: #e6b35a; --bad: #ff7a6b; } }
            body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem; }
            svg { overflow: visible; } text { fill: var(--ink); font-size: 11px; } .lane { font-weight: 600; }
            .good { fill: var(--good); } .open { fill: var(--open); } .bad { fill: var(--bad); }
            </style>
            <h1>Key \(escaped(prefix.culprit.key)) is not linearizable</h1>
            <p>\(escaped(sentence))</p>
            <svg viewBox="0 0 \(Self.width + 20) \(height)" width="100%" role="img">
            \(body)</svg>
            <p>The last \(shown.count) operations of \(prefix.operations.count). A bar goes from call to return. Orange: the outcome
            is unknown. Red: no order explains this result. Times are in milliseconds.</p>
            </html>

            """
    }

    private var sentence: String {
        let culprit = prefix.culprit
        let text = M.describe(culprit)
        return "\(text.call) returned “\(text.result)” after \(Self.ms(culprit.returnNs - culprit.callNs)) ms. "
            + "No order of the operations up to then explains that."
    }

    private func bar(_ operation: Operation<M>, y: Double) -> String {
        let from = x(operation.callNs)
        let to = operation.isPending ? Self.width : x(operation.returnNs)
        let kind = operation == prefix.culprit ? "bad" : operation.isPending ? "open" : "good"
        let text = M.describe(operation)
        let label = "\(text.call) → \(text.result)"
        let time = "\(Self.ms(operation.callNs)) to \(Self.ms(operation.returnNs))"
        return """
            <g><title>\(escaped("\(label), \(time)"))</title>
            <rect class="\(kind)" x="\(from)" y="\(y)" width="\(max(3, to - from))" height="12" rx="2"/>
            <text x="\(from)" y="\(y + 25)">\(escaped(label))</text></g>

            """
    }

    private func x(_ timeNs: UInt64) -> Double {
        let span = Double(max(1, endNs - min(startNs, endNs)))
        let at = timeNs > startNs ? Double(timeNs - startNs) : 0
        return Self.left + min(1, at / span) * (Self.width - Self.left)
    }

    private static func ms(_ ns: UInt64) -> String { "\(Double(ns / 1_000) / 1_000)" }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
