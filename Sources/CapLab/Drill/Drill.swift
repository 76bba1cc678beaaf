/// A rehearsal of one kind of failure: a steady load, and what happens meanwhile, second by second.
struct Drill: Equatable, Sendable {
    enum PhaseName: String, CaseIterable, Sendable {
        case before, during, after
    }

    struct Load: Equatable, Sendable {
        /// Operations per second at each service.
        var rate = 40
        /// How many of them are reads.
        var readPercent = 60
        /// How many keys the clients compete for at a time.
        var keys = 12
    }

    struct Step: Equatable, Sendable {
        let atMs: Int
        let action: DrillAction
    }

    /// The longest drill, so that its report stays small.
    static let maxDurationMs = 120_000
    static let maxSteps = 60
    static let rates = 1...200
    static let keyCounts = 8...100
    /// The key that the report follows: people read and write it besides the load.
    static let key = LabPage.firstKey

    let name: String
    let title: String
    let description: String
    var load = Load()
    /// Of `before`, `during` and `after`, in milliseconds.
    let phaseMs: [Int]
    /// In the order of time.
    let steps: [Step]

    var durationMs: Int { phaseMs.reduce(0, +) }
    /// When the faults end: everything is healed then.
    var healAtMs: Int { phaseMs[0] + phaseMs[1] }

    /// The nodes whose clocks the drill steps: they start with a clock that can be.
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
