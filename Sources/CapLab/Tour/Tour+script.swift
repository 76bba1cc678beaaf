extension Tour {
    /// A rejection that takes less than this many milliseconds took no round trip between the sites: the service
    /// already treats the replicas of the other site as unreachable.
    private static let fastRejectionMs = 50.0

    func play() async throws(LabError) {
        try await startTogether()
        try await observe(.before)
        let firstStalenessMs = try await cut()
        try await consistentDuringCut()
        try await availableDuringCut(firstStalenessMs: firstStalenessMs)
        try await observe(.during)
        try await heal()
        try await availableAfterHeal()
        try await consistentAfterHeal()
        try await observe(.after)
    }

    private func startTogether() async throws(LabError) {
        try await begin("Two sites. Every service reaches all three replicas of its group.")
        draw()

        try await begin("Consistent: a read in the west returns what was written in the east, at once.")
        let written = try await ask("app_cp", "/write/color/green", method: "POST")
        expect(written.status == 200 && written.outcome == "applied", "200 with outcome applied")
        let read = try await ask("app_cp_west", "/read/color")
        expect(read.status == 200 && read.value == "green", "200 with the value green")

        try await begin("Available: the same. In each answer, staleness_ms shows which last writes it may miss.")
        let put = try await ask("app_ap", "/write/color/green", method: "POST")
        expect(put.status == 200, "200")
        // Anti-entropy must compare the replicas of a new group once before their staleness is known.
        try await untilStalenessIsKnown()
        let copy = try await ask("app_ap_west", "/read/color", withinMs: patienceMs) {
            $0.value == "green" && $0.stale == false
        }
        expect(copy.value == "green" && copy.stale == false, "the value green, not stale")
    }

    /// Cuts the network, and asks both stores without a pause for the reader. After a pause, the first rejection would
    /// already be fast, and the first read already stale.
    /// - Returns: the staleness of the available store's first answer, in milliseconds.
    private func cut() async throws(LabError) -> Double {
        try await begin(
            "The network between the sites is cut: packets vanish (caplab partition west). Right after it, in the west: "
                + "Available still answers, and the answer is fresh. Consistent waits for a majority, then refuses.")
        try await change(ControlRequest(command: .partition, target: "west"))
        draw()
        say("")
        let fresh = try await ask("app_ap_west", "/read/color")
        expect(
            fresh.status == 200 && fresh.value == "green" && fresh.stale == false, "200 with the value green, not stale"
        )
        let refused = try await ask("app_cp_west", "/read/color")
        expect(refused.status == 503 && refused.code == "no_quorum", "503 no_quorum")
        expect(refused.tookMs >= Self.fastRejectionMs, "the first rejection to wait for the network")
        return fresh.stalenessMs ?? 0
    }

    private func consistentDuringCut() async throws(LabError) {
        try await begin("Consistent, east: two of three replicas are a majority, so it goes on.")
        let written = try await ask("app_cp", "/write/color/blue", method: "POST")
        expect(written.status == 200 && written.outcome == "applied", "200 with outcome applied")
        let read = try await ask("app_cp", "/read/color")
        expect(read.value == "blue", "the value blue")

        try await begin(
            "Consistent, west: one of three replicas is not a majority, so it refuses rather than return an old value. "
                + "By now, it treats the other two as unreachable, so it refuses without waiting for the network.")
        let fast = try await ask("app_cp_west", "/read/color", withinMs: patienceMs) {
            $0.status == 503 && $0.tookMs < Self.fastRejectionMs
        }
        expect(
            fast.status == 503 && fast.code == "no_quorum" && fast.tookMs < Self.fastRejectionMs,
            "503 no_quorum in less than \(Int(Self.fastRejectionMs)) ms")
        let change = try await ask("app_cp_west", "/write/color/red", method: "POST")
        expect(change.status == 503 && change.code == "no_quorum", "503 no_quorum")
        expect(change.outcome == "not_applied" || change.outcome == "unknown", "outcome not_applied or unknown")
    }

    private func availableDuringCut(firstStalenessMs: Double) async throws(LabError) {
        try await begin(
            "Available, west: it still answers, and staleness_ms shows which last writes the answer may miss. Above "
                + "\(DemoCommand.maxStalenessMs) ms, the answer is marked stale.")
        let later = try await ask("app_ap_west", "/read/color", withinMs: patienceMs) {
            $0.stale == true && ($0.stalenessMs ?? 0) > firstStalenessMs
        }
        expect(later.status == 200 && later.stale == true, "200 and stale")
        expect((later.stalenessMs ?? 0) > firstStalenessMs, "staleness_ms to grow")

        try await begin("Available: both sites write the same key, and now they disagree.")
        for (service, value) in [("app_ap", "blue"), ("app_ap_west", "red")] {
            let put = try await ask(service, "/write/color/\(value)", method: "POST")
            expect(put.status == 200, "200")
        }
        for (service, value) in [("app_ap", "blue"), ("app_ap_west", "red")] {
            let read = try await ask(service, "/read/color")
            expect(read.value == value, "the value \(value) from \(service)")
        }
    }

    private func heal() async throws(LabError) {
        try await begin("The network is healed (caplab heal).")
        try await change(ControlRequest(command: .heal))
        draw()
    }

    private func availableAfterHeal() async throws(LabError) {
        try await begin("Available: the sites converge. No acknowledged write is lost: both values are kept.")
        let both: Set<String> = ["blue", "red"]
        var answers: [Answer] = []
        for service in ["app_ap", "app_ap_west"] {
            let answer = try await ask(service, "/read/color", withinMs: patienceMs) {
                $0.siblings == both && $0.stale == false
            }
            expect(answer.siblings == both, "conflicts blue and red from \(service)")
            expect(answer.stale == false, "\(service) not stale")
            answers.append(answer)
        }
        expect(answers[0].value == answers[1].value, "the same value at both sites")

        try await begin("A client resolves the conflict: it writes with the version it has read in X-Context.")
        let resolved = try await ask(
            "app_ap_west", "/write/color/violet", method: "POST",
            header: ("X-Context", answers[1].version?.text ?? ""))
        expect(resolved.status == 200, "200")
        for service in ["app_ap", "app_ap_west"] {
            let answer = try await ask(service, "/read/color", withinMs: patienceMs) {
                $0.value == "violet" && $0.siblings.isEmpty
            }
            expect(answer.value == "violet" && answer.siblings.isEmpty, "violet and no conflict from \(service)")
        }
    }

    private func consistentAfterHeal() async throws(LabError) {
        try await begin("Consistent, west: it serves again, and returns what the east wrote meanwhile.")
        let read = try await ask("app_cp_west", "/read/color", withinMs: patienceMs) { $0.status == 200 }
        expect(read.value == "blue", "the value blue")

        try await begin("Compare-and-set: a write that names the version it replaces succeeds once, then fails.")
        let condition = ("If-Match", "\"\(read.version?.text ?? "")\"")
        let first = try await ask("app_cp_west", "/write/color/orange", method: "POST", header: condition)
        expect(first.status == 200 && first.outcome == "applied", "200 with outcome applied")
        let second = try await ask("app_cp", "/write/color/grey", method: "POST", header: condition)
        expect(second.status == 412 && second.code == "precondition_failed", "412 precondition_failed")
        let last = try await ask("app_cp", "/read/color")
        expect(last.value == "orange", "the value orange")
    }

    /// Performs a request as the lab does for a `caplab` command.
    private func change(_ request: ControlRequest) async throws(LabError) {
        let reply = await lab.handle(request)
        if reply.exitCode != 0 { throw LabError(reply.message ?? "refused") }
    }
}
