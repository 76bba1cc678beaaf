import FoundationEssentials

/// One request, as it is typed and as it is run.
struct CurlRequest: Sendable {
    var method = "GET"
    let url: String
    var headers: [String] = []

    /// Longer than any answer of a healthy service: past it the request counts as unanswered.
    static let maxTimeSec = 15

    /// The line to type in a terminal.
    var line: String {
        var words = ["curl"]
        if method != "GET" { words += ["-X", method] }
        for header in headers { words += ["-H", "'" + header.replacing("'", with: "'\\''") + "'"] }
        return (words + [url]).joined(separator: " ")
    }

    /// The same, with what is needed to read it by program, and independent of the user's own `.curlrc` and proxies.
    var arguments: [String] {
        ["-q", "-sS", "--noproxy", "*", "--max-time", "\(Self.maxTimeSec)", "-w", "\n%{http_code} %{time_total}"]
            + ["-X", method] + headers.flatMap { ["-H", $0] } + [url]
    }
}

extension Lab {
    /// Runs curl and waits for it.
    func curl(_ request: CurlRequest, program: String) async throws(LabError) -> Answer {
        try checkNotStopping()
        guard let spawner else { throw LabError("the lab is not running") }
        let output = "\(dataPath)/logs/curl-\(Self.randomName(8)).out"
        let process = NodeProcess(
            name: "curl", plan: LaunchPlan(program: program, arguments: request.arguments, logPath: output),
            spawner: spawner, on: reactor)
        helpers.append(process)
        try process.start()
        if !(await process.ended(withinMs: UInt64(CurlRequest.maxTimeSec + 5) * 1_000)) { process.signal(9) }
        try checkNotStopping()
        let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        try? FileManager.default.removeItem(atPath: output)
        return Answer(curlOutput: text)
    }
}
