extension RunSummary {
    /// A table with a row per service and a column per phase. A cell is like "98.5 %, p99 4.2 ms".
    var table: String {
        let head = ["answered"] + phases.map(\.name)
        let rows = services.map { service in [service.name] + service.phases.map(Self.cell) }
        return TextLayout.table([head] + rows)
    }

    private static func cell(_ figures: Figures) -> String {
        guard let share = figures.availability else { return "-" }
        return percent(share) + (figures.p99Ms.map { ", p99 \(milliseconds($0))" } ?? "")
    }

    /// The verdict, one line per question.
    var conclusion: [String] {
        var lines: [String] = []
        switch verdict.isLinearizable {
        case true?: lines.append("app-cp: linearizable, \(verdict.linearizableDetail)")
        case false?: lines.append("app-cp: NOT linearizable, \(verdict.linearizableDetail)")
        case nil where verdict.linearizableDetail.isEmpty: break
        case nil: lines.append("app-cp: not decided, \(verdict.linearizableDetail)")
        }
        if verdict.acknowledgedWrites > 0 {
            let withReplicas =
                verdict.lostWithReplicas == 0
                ? "" : ", and \(verdict.lostWithReplicas) with killed replicas that had not synced them to disk"
            let converged = verdict.convergedInMs.map { "converged \(Answer.seconds($0)) s after the heal" }
            lines.append(
                "app-ap: \(verdict.lostWrites) of \(verdict.acknowledgedWrites) acknowledged writes lost\(withReplicas); "
                    + "\(conflicts) keys in conflict; \(converged ?? "the replicas had not converged at the end")")
        }
        lines += verdict.violations.prefix(Self.maxViolations).map { "VIOLATED: \($0)" }
        if verdict.violations.count > Self.maxViolations {
            lines.append("and \(verdict.violations.count - Self.maxViolations) more violations")
        }
        return lines
    }

    /// A share as "98.5 %". It is rounded down, so that 100 % means every request.
    static func percent(_ share: Double) -> String {
        let tenths = Int(share * 1_000)
        return tenths.isMultiple(of: 10) ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
    }

    static func milliseconds(_ durationMs: Double) -> String {
        durationMs < 10 ? "\((durationMs * 10).rounded() / 10) ms" : "\(Int(durationMs.rounded())) ms"
    }
}
