import EventLoop

/// The demo's stage: prints steps, asks services, and notes where something is not as told.
final class Walk {
    enum Phase: Int, CaseIterable {
        case before, during, after
    }

    let lab: Lab
    private let curl: String
    private let stepPauseMs: UInt64
    /// How long convergence and recovery may take.
    let patienceMs: UInt64
    private var step = 0
    private var differences: [String] = []
    private var observed: [String: [Phase: String]] = [:]
    private var rows: [String] = []

    init(_ lab: Lab, curl: String, stepPauseMs: UInt64, patienceMs: UInt64) {
        self.lab = lab
        self.curl = curl
        self.stepPauseMs = stepPauseMs
        self.patienceMs = patienceMs
    }

    // MARK: Telling

    /// Begins a step with the one sentence that says what it shows.
    func tell(_ sentence: String) async throws(LabError) {
        if stepPauseMs > 0 { await lab.reactor.sleep(forNs: stepPauseMs * nsPerMs) }
        try lab.checkNotStopping()
        step += 1
        say("\n\(step). \(sentence)")
    }

    func draw() {
        say("")
        for line in Drawing.sites(lab.topology, ports: lab.ports, fault: { [lab] in lab.relays[$0]?.fault ?? .none }) {
            say(line)
        }
    }

    /// Notes, and says, where the answer differs from what the step told.
    func expect(_ isAsTold: Bool, _ expectation: String) {
        guard !isAsTold else { return }
        differences.append("step \(step): expected \(expectation)")
        say("   DIFFERS: expected \(expectation)")
    }

    // MARK: Asking

    func url(_ service: String, _ path: String) -> String { "http://127.0.0.1:\(lab.ports[service] ?? 0)\(path)" }

    /// Runs a request and prints it with its answer.
    @discardableResult
    func ask(
        _ service: String, _ path: String, method: String = "GET", headers: [String] = []
    ) async throws(LabError) -> Answer {
        let request = CurlRequest(method: method, url: url(service, path), headers: headers)
        let answer = try await lab.curl(request, program: curl)
        show(request, answer, note: "")
        return answer
    }

    /// Repeats a read until it is as wanted, and prints the last answer.
    /// - Parameter withinMs: after so long it is printed as it is.
    @discardableResult
    func ask(
        _ service: String, _ path: String, withinMs: UInt64, until isAsWanted: (Answer) -> Bool
    ) async throws(LabError) -> Answer {
        let request = CurlRequest(url: url(service, path))
        let startNs = lab.reactor.nowNs
        var answer = try await lab.curl(request, program: curl)
        while !isAsWanted(answer), lab.reactor.nowNs - startNs < withinMs * nsPerMs {
            await lab.reactor.sleep(forNs: 100 * nsPerMs)
            answer = try await lab.curl(request, program: curl)
        }
        let tookMs = Double((lab.reactor.nowNs - startNs) / nsPerMs)
        show(request, answer, note: tookMs < 100 ? "" : " (after \(Answer.seconds(tookMs)) s)")
        return answer
    }

    /// Waits, without a word, until the available services know of each replica how old its data may be.
    func untilEveryAgeIsKnown(withinMs: UInt64) async throws(LabError) {
        let deadlineNs = lab.reactor.nowNs + withinMs * nsPerMs
        for service in lab.topology.services where service.group == .ap {
            let request = CurlRequest(url: url(service.name, "/replicas"))
            while !(try await lab.curl(request, program: curl)).knowsEveryAge, lab.reactor.nowNs < deadlineNs {
                await lab.reactor.sleep(forNs: 100 * nsPerMs)
            }
        }
    }

    private func show(_ request: CurlRequest, _ answer: Answer, note: String) {
        let status = answer.status == 0 ? "no answer" : "\(answer.status)"
        say("   $ \(request.line)")
        say("   \(status) in \(answer.took)\(note): \(answer.body)")
    }

    // MARK: The table

    /// Asks the same of everyone in each phase, for the table at the end, and checks who answers.
    func observe(_ phase: Phase) async throws(LabError) {
        for service in GroupName.allCases.flatMap({ group in lab.topology.services.filter { $0.group == group } }) {
            for isWrite in [true, false] {
                let path = isWrite ? "/write/table-\(service.name)/\(phase)" : "/read/color"
                let request = CurlRequest(method: isWrite ? "POST" : "GET", url: url(service.name, path))
                let answer = try await lab.curl(request, program: curl)
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
    /// - Returns: 0 where everything was as told.
    func conclude() -> Int32 {
        say("\nWho answered what:\n")
        let table =
            [["", "before", "during the cut", "after"]]
            + rows.map { row in [row] + Phase.allCases.map { observed[row]?[$0] ?? "-" } }
        for line in Table.text(table).split(separator: "\n") { say("   \(line)") }
        guard !differences.isEmpty else {
            say("\nEverything was as told.")
            return 0
        }
        say("\nNot as told:")
        for difference in differences { say("   \(difference)") }
        return 1
    }
}
