/// Draws the end of a failing history as one page without any other file: a lane for each client, a bar for each operation
/// from its call to its return, and the sentence that says what does not fit.
public struct Timeline {
    private let part: LinearizabilityChecker.FailingPart
    private let shown: [RecordedOperation]
    private let lanes: [Int]
    private let startNs: UInt64
    private let endNs: UInt64

    private static let maxShown = 60
    private static let width = 1_100.0
    private static let left = 90.0
    private static let laneHeight = 46.0

    public init(_ part: LinearizabilityChecker.FailingPart) {
        self.part = part
        let endNs = part.culprit.returnNs
        self.endNs = endNs
        // What lies far back seldom matters; what is still open does, however old.
        let recent = part.operations.filter { $0.result == .unknown || $0.returnNs <= endNs }.suffix(Self.maxShown)
        shown = Array(recent)
        startNs = recent.filter { $0.result != .unknown }.map(\.callNs).min() ?? part.culprit.callNs
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
            <html lang="en"><meta charset="utf-8"><title>Not linearizable: \(escaped(part.culprit.key))</title>
            <style>
            :root { --ink: #1d1d1f; --paper: #fff; --good: #3b82c4; --open: #c98a1b; --bad: #c0392b; --none: #999; }
            @media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --paper: #17181a; --good: #6fb1ee; --open: #e6b35a;
              --bad: #ff7a6b; --none: #777; } }
            body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem; }
            svg { overflow: visible; } text { fill: var(--ink); font-size: 11px; } .lane { font-weight: 600; }
            .good { fill: var(--good); } .open { fill: var(--open); } .bad { fill: var(--bad); } .none { fill: var(--none); }
            </style>
            <h1>Key \(escaped(part.culprit.key)) is not linearizable</h1>
            <p>\(escaped(sentence))</p>
            <svg viewBox="0 0 \(Self.width + 20) \(height)" width="100%" role="img">
            \(body)</svg>
            <p>The last \(shown.count) operations of \(part.operations.count). A bar goes from call to return; orange: its outcome
            is not known; grey: it had no effect; red: what does not fit. Times in milliseconds.</p>
            </html>

            """
    }

    private var sentence: String {
        "\(Self.call(part.culprit.call)) came back as “\(Self.result(part.culprit.result))” after "
            + "\(Self.ms(part.culprit.returnNs - part.culprit.callNs)) ms. No order of the operations up to then explains that."
    }

    private func bar(_ operation: RecordedOperation, y: Double) -> String {
        let from = x(operation.callNs)
        let to = operation.result == .unknown ? Self.width : x(operation.returnNs)
        let kind =
            operation == part.culprit
            ? "bad" : operation.result == .unknown ? "open" : operation.result == .notApplied ? "none" : "good"
        let label = "\(Self.call(operation.call)) → \(Self.result(operation.result))"
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

    private static func ms(_ ns: UInt64) -> String {
        let micro = ns / 1_000
        let rest = String(micro % 1_000)
        return "\(micro / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    private static func call(_ call: RecordedOperation.Call) -> String {
        switch call {
        case .read: "read"
        case .write(let value): "write \(value)"
        case .delete: "delete"
        case .compareAndSet(let version, let value): "write \(value) if version \(version)"
        case .create(let value): "create \(value)"
        case .expire(let value): "end of \(value)"
        }
    }

    private static func result(_ result: RecordedOperation.Result) -> String {
        switch result {
        case .value(let value, let version): "\(value ?? "nothing") @\(version)"
        case .applied(let version): "@\(version)"
        case .absent(let version): "nothing there @\(version)"
        case .preconditionFailed(let version): "condition failed @\(version)"
        case .notApplied: "not applied"
        case .unknown: "unknown"
        }
    }

    private func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
