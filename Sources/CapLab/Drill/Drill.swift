/// A rehearsal of one kind of failure: a steady load, and a list of steps with their times.
struct Drill: Equatable, Sendable {
    enum PhaseName: String, CaseIterable, Sendable {
        case before, during, after
    }

    struct Load: Equatable, Sendable {
        /// Operations per second at each service.
        var rate = 40
        /// Share of reads among the operations, in percent.
        var readPercent = 60
        /// How many keys the clients use at the same time.
        var keys = 12
    }

    struct Step: Equatable, Sendable {
        let atMs: Int
        let action: DrillAction
    }

    /// The longest drill. The limit keeps reports small.
    static let maxDurationMs = 120_000
    static let maxSteps = 60
    static let rates = 1...200
    static let keyCounts = 8...100
    /// The key that the report follows. At each service, a simulated person reads and writes it, in addition to the
    /// load.
    static let key = LabPage.firstKey

    let name: String
    let title: String
    let description: String
    var load = Load()
    /// The lengths of the phases `before`, `during` and `after`, in milliseconds.
    let phaseMs: [Int]
    /// Ordered by time.
    let steps: [Step]

    var durationMs: Int { phaseMs.reduce(0, +) }
    /// When the phase `during` ends and everything is healed, in milliseconds since the start.
    var healAtMs: Int { phaseMs[0] + phaseMs[1] }

    /// The nodes whose clocks the drill sets. The lab must start them with a clock that can be set.
    var clockNodes: Set<String> {
        Set(
            steps.compactMap { step in
                if case .clock(let node, _) = step.action { node } else { nil }
            })
    }

    func phase(atMs timeMs: Int) -> PhaseName {
        timeMs < phaseMs[0] ? .before : timeMs < healAtMs ? .during : .after
    }
}
