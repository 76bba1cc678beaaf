extension Walk {
    /// A refusal with open breakers asks nobody and takes next to no time.
    private static let quickRefusalMs = 50.0

    func play() async throws(LabError) {
        try await startTogether()
        try await observe(.before)
        try await cut()
        try await consistentDuringCut()
        try await availableDuringCut()
        try await observe(.during)
        try await heal()
        try await availableAfterHeal()
        try await consistentAfterHeal()
        try await observe(.after)
    }

    private func startTogether() async throws(LabError) {
        try await tell("Two sites, and every service reaches all three replicas of its own group.")
        draw()

        try await tell("Consistent: what was written in the east is what a read in the west sees, at once.")
        let written = try await ask("app_cp", "/write/color/green", method: "POST")
        expect(written.status == 200 && written.outcome == "applied", "200 with outcome applied")
        let read = try await ask("app_cp_west", "/read/color")
        expect(read.status == 200 && read.value == "green", "200 with the value green")

        try await tell("Available: the same, and each answer says how old it may be (staleness_ms).")
        let put = try await ask("app_ap", "/write/color/green", method: "POST")
        expect(put.status == 200, "200")
        // The replicas of a new group compare themselves once before any of them can say how old its data may be.
        try await untilEveryAgeIsKnown(withinMs: patienceMs)
        let copy = try await ask("app_ap_west", "/read/color", withinMs: patienceMs) {
            $0.value == "green" && $0.isStale == false
        }
        expect(copy.value == "green" && copy.isStale == false, "the value green, not stale")
    }

    private func cut() async throws(LabError) {
        try await tell("The network between the sites is cut: packets vanish. (caplab partition west)")
        try await change(ControlRequest(command: .partition, target: "west"))
        draw()
    }

    private func consistentDuringCut() async throws(LabError) {
        try await tell("Consistent, east: two of three replicas are a majority, so it goes on.")
        let written = try await ask("app_cp", "/write/color/blue", method: "POST")
        expect(written.status == 200 && written.outcome == "applied", "200 with outcome applied")
        let read = try await ask("app_cp", "/read/color")
        expect(read.value == "blue", "the value blue")

        try await tell("Consistent, west: one of three is none, so it refuses rather than answer something old.")
        let refused = try await ask("app_cp_west", "/read/color")
        expect(refused.status == 503 && refused.code == "no_quorum", "503 no_quorum")
        let change = try await ask("app_cp_west", "/write/color/red", method: "POST")
        expect(change.status == 503 && change.code == "no_quorum", "503 no_quorum")
        expect(change.outcome == "not_applied" || change.outcome == "unknown", "outcome not_applied or unknown")

        try await tell("Once its circuit breakers are open it refuses without waiting for the network.")
        let quick = try await ask("app_cp_west", "/read/color", withinMs: patienceMs) {
            $0.status == 503 && $0.tookMs < Self.quickRefusalMs
        }
        expect(
            quick.status == 503 && quick.code == "no_quorum" && quick.tookMs < Self.quickRefusalMs,
            "503 no_quorum in less than \(Int(Self.quickRefusalMs)) ms")
    }

    private func availableDuringCut() async throws(LabError) {
        try await tell(
            "Available, west: it answers with what it has, says how old that may be, and past "
                + "\(DemoCommand.maxStalenessMs) ms calls it stale.")
        let first = try await ask("app_ap_west", "/read/color")
        expect(first.status == 200 && first.value == "green", "200 with the value green")
        let later = try await ask("app_ap_west", "/read/color", withinMs: patienceMs) {
            $0.isStale == true && ($0.stalenessMs ?? 0) > (first.stalenessMs ?? 0)
        }
        expect(later.status == 200 && later.isStale == true, "200 and stale")
        expect((later.stalenessMs ?? 0) > (first.stalenessMs ?? 0), "staleness_ms to grow")

        try await tell("Available, both sides write the same key, and now they disagree.")
        for (service, value) in [("app_ap", "blue"), ("app_ap_west", "red")] {
            let put = try await ask(service, "/write/color/\(value)", method: "POST")
            expect(put.status == 200, "200")
        }
        for (service, value) in [("app_ap", "blue"), ("app_ap_west", "red")] {
            let read = try await ask(service, "/read/color")
            expect(read.value == value, "the value \(value) in \(service)")
        }
    }

    private func heal() async throws(LabError) {
        try await tell("The network is mended. (caplab heal)")
        try await change(ControlRequest(command: .heal))
        draw()
    }

    private func availableAfterHeal() async throws(LabError) {
        try await tell("Available: the sites converge, and no acknowledged write is lost: both values are there.")
        let both: Set<String> = ["blue", "red"]
        var answers: [Answer] = []
        for service in ["app_ap", "app_ap_west"] {
            let answer = try await ask(service, "/read/color", withinMs: patienceMs) {
                $0.conflicts == both && $0.isStale == false
            }
            expect(answer.conflicts == both, "conflicts blue and red in \(service)")
            expect(answer.isStale == false, "\(service) not stale")
            answers.append(answer)
        }
        expect(answers[0].value == answers[1].value, "the same value on both sides")

        try await tell("A reader who knows better resolves it, naming in X-Context the version it has seen.")
        let seen = answers[1].version ?? ""
        let resolved = try await ask(
            "app_ap_west", "/write/color/violet", method: "POST", headers: ["X-Context: \(seen)"])
        expect(resolved.status == 200, "200")
        for service in ["app_ap", "app_ap_west"] {
            let answer = try await ask(service, "/read/color", withinMs: patienceMs) {
                $0.value == "violet" && $0.conflicts.isEmpty
            }
            expect(answer.value == "violet" && answer.conflicts.isEmpty, "violet and no conflict in \(service)")
        }
    }

    private func consistentAfterHeal() async throws(LabError) {
        try await tell("Consistent, west: it serves again, and has what was written without it.")
        let read = try await ask("app_cp_west", "/read/color", withinMs: patienceMs) { $0.status == 200 }
        expect(read.value == "blue", "the value blue")

        try await tell(
            "Compare-and-set: a write that names the version it replaces succeeds once, and then is refused.")
        let condition = ["If-Match: \"\(read.version ?? "")\""]
        let first = try await ask("app_cp_west", "/write/color/orange", method: "POST", headers: condition)
        expect(first.status == 200 && first.outcome == "applied", "200 with outcome applied")
        let second = try await ask("app_cp", "/write/color/grey", method: "POST", headers: condition)
        expect(second.status == 412 && second.code == "precondition_failed", "412 precondition_failed")
        let last = try await ask("app_cp", "/read/color")
        expect(last.value == "orange", "the value orange")
    }

    /// What a second terminal would ask for.
    private func change(_ request: ControlRequest) async throws(LabError) {
        let reply = await lab.handle(request)
        if reply.exitCode != 0 { throw LabError(reply.message ?? "refused") }
    }
}
