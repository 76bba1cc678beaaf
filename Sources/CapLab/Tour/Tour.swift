import EventLoop

/// The tour: prints steps, sends requests to the services, and records every answer that differs from the text.
final class Tour {
    enum Phase: Int, CaseIterable {
        case before, during, after
    }

    let lab: Lab
    private let style: TextStyle
    private let stepPauseMs: UInt64
    /// The longest wait for convergence or recovery, in milliseconds.
    let patienceMs: UInt64
    private var step = 0
    private var differences: [String] = []
    private var observed: [String: [Phase: String]] = [:]
    private var rows: [String] = []

    init(_ lab: Lab, style: TextStyle, stepPauseMs: UInt64, patienceMs: UInt64) {
        self.lab = lab
        self.style = style
        self.stepPauseMs = stepPauseMs
        self.patienceMs = patienceMs
    }

    // MARK: Printing

    /// Begins a step, and prints the sentence that explains what it shows.
    func begin(_ sentence: String) async throws(LabError) {
        if stepPauseMs > 0 { await lab.reactor.sleep(forNs: stepPauseMs * nsPerMs) }
        try lab.checkNotStopping()
        step += 1
        let number = "\(step). "
        let lines = TextLayout.wrapped(number + sentence, indent: number.count).split(separator: "\n")
        say("\n" + lines.map { style.paint(String($0), .bold) }.joined(separator: "\n"))
    }

    func draw() {
        say("")
        for line in Drawing.sites(lab.topology, ports: lab.ports, fault: { [lab] in lab.relays[$0]?.fault ?? .none }) {
            say(line.replacing(" X ", with: " \(style.paint("X", .red)) "))
        }
    }

    /// If `isAsDescribed` is false, records and prints that the answer differs from the text.
    func expect(_ isAsDescribed: Bool, _ expectation: String) {
        guard !isAsDescribed else { return }
        differences.append("step \(step): expected \(expectation)")
        say(style.paint("   DIFFERS: expected \(expectation)", .red))
    }

    // MARK: Requests

    /// Sends a request. Prints it as a curl command, and prints the answer.
    @discardableResult
    func ask(
        _ service: String, _ path: String, method: String = "GET", header: (name: String, value: String)? = nil
    ) async throws(LabError) -> Answer {
        let request = HTTPRequest(method: method, path: path, headers: header.map { [$0] } ?? [])
        let answer = try await send(request, to: service)
        show(request, service, answer, note: "")
        return answer
    }

    /// Repeats a read until its answer satisfies the condition, then prints the last answer.
    /// - Parameter withinMs: after this time, the last answer is printed even if it does not satisfy the condition.
    @discardableResult
    func ask(
        _ service: String, _ path: String, withinMs: UInt64, until isSatisfied: (Answer) -> Bool
    ) async throws(LabError) -> Answer {
        let request = HTTPRequest(path: path)
        let startNs = lab.reactor.nowNs
        let answer = try await poll(request, service, withinMs: withinMs, until: isSatisfied)
        let tookMs = Double((lab.reactor.nowNs - startNs) / nsPerMs)
        show(request, service, answer, note: tookMs < 100 ? "" : " (after \(Answer.seconds(tookMs)) s)")
        return answer
    }

    /// Waits until each AP service reports the staleness of every replica, but at most ``patienceMs`` per service.
    func untilStalenessIsKnown() async throws(LabError) {
        for service in lab.topology.services where service.group == .ap {
            let request = HTTPRequest(path: "/replicas")
            _ = try await poll(request, service.name, withinMs: patienceMs) { $0.knowsEveryStaleness }
        }
    }

    private func poll(
        _ request: HTTPRequest, _ service: String, withinMs: UInt64, until isSatisfied: (Answer) -> Bool
    ) async throws(LabError) -> Answer {
        let deadlineNs = lab.reactor.nowNs + withinMs * nsPerMs
        var answer = try await send(request, to: service)
        while !isSatisfied(answer), lab.reactor.nowNs < deadlineNs {
            await lab.reactor.sleep(forNs: 100 * nsPerMs)
            answer = try await send(request, to: service)
        }
        return answer
    }

    private func send(_ request: HTTPRequest, to service: String) async throws(LabError) -> Answer {
        try lab.checkNotStopping()
        guard let node = lab.topology.node(service) else { preconditionFailure("no such service") }
        let answer = await HTTPConnection.ask(
            request, at: lab.address(of: node), timeoutMs: 15_000, on: lab.reactor)
        try lab.checkNotStopping()
        return answer
    }

    private func show(_ request: HTTPRequest, _ service: String, _ answer: Answer, note: String) {
        let command = request.curlCommand(lab.curlTarget(service))
        say("   " + style.paint(TextLayout.wrapped("$ \(Self.shortened(command))", indent: 6), .dim))
        let status = answer.statusText
        let colour: TextStyle.Colour = answer.status != 200 ? .red : answer.stale == true ? .yellow : .green
        let lines = TextLayout.wrapped(
            "   \(status) in \(answer.took)\(note): \(Self.shortened(answer.body.filter { !$0.isNewline }))", indent: 6)
        say("   " + style.paint(status, colour) + lines.dropFirst(3 + status.count))
    }

    /// The text with the version tokens of `app-ap` truncated, because they are long and contain no information for a
    /// reader.
    static func shortened(_ text: String) -> String {
        text.replacing(/[A-Za-z0-9_-]{33,}/) { "\($0.output.prefix(8))..." }
    }

    // MARK: The table

    /// Sends the same requests to every service, for the phase's column in the table at the end. Checks the answers.
    func observe(_ phase: Phase) async throws(LabError) {
        for service in GroupName.allCases.flatMap({ group in lab.topology.services.filter { $0.group == group } }) {
            for isWrite in [true, false] {
                let path = isWrite ? "/write/table-\(service.name)/\(phase)" : "/read/color"
                let answer = try await send(
                    HTTPRequest(method: isWrite ? "POST" : "GET", path: path), to: service.name)
                let row = "\(service.name) \(isWrite ? "write" : "read")"
                if observed[row] == nil { rows.append(row) }
                observed[row, default: [:]][phase] = answer.summary
                let isRefused = phase == .during && service.group == .cp && service.site == .west
                expect(
                    isRefused ? answer.status == 503 && answer.code == "no_quorum" : answer.status == 200,
                    "\(row) \(phase) the cut: \(isRefused ? "503 no_quorum" : "200"), got \(answer.summary)")
            }
        }
    }

    /// Prints the table and the verdict.
    /// - Returns: the exit code, 0 if every answer was as described.
    func conclude() -> Int32 {
        say("\n" + style.paint("Who answered:", .bold) + "\n")
        let table =
            [["", "before", "during the cut", "after"]]
            + rows.map { row in [row] + Phase.allCases.map { observed[row]?[$0] ?? "-" } }
        for line in TextLayout.table(table).split(separator: "\n") {
            let line = line.replacing(/503 \w+/) { style.paint(String($0.output), .red) }
                .replacing(/may (?:miss [0-9.]+ s|be old)/) { style.paint(String($0.output), .yellow) }
            say("   \(line)")
        }
        guard !differences.isEmpty else {
            say("\n" + style.paint("Every answer was as described.", .green))
            return 0
        }
        say("\n" + style.paint("Not as described:", .red))
        for difference in differences { say("   \(difference)") }
        return 1
    }
}

extension HTTPRequest {
    /// The request as a curl command for a terminal.
    func curlCommand(_ target: CurlTarget) -> String {
        var arguments = ["curl"]
        if !target.option.isEmpty { arguments.append(String(target.option.dropLast())) }
        if method != "GET" { arguments += ["-X", method] }
        for (name, value) in headers { arguments += ["-H", "'\(name): \(value.replacing("'", with: "'\\''"))'"] }
        return (arguments + [target.url + path]).joined(separator: " ")
    }
}
