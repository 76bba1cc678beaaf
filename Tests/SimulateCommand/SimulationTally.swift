import ByteCoding
import Linearizability
import Simulator

/// The results of all seeds.
struct SimulationTally {
    private(set) var seeds = 0
    private(set) var violations = 0
    private(set) var undecided = 0
    private var operations = 0
    private var results: [String: Int] = [:]
    private var faults: [String: Int] = [:]
    private var virtualMs: UInt64 = 0
    private var collected = 0
    private var refusedReplicas = 0
    /// Operations by latency in milliseconds, without those of unknown outcome: shows starvation.
    private var latenciesMs: [Int: Int] = [:]
    /// A hash of all histories, independent of the order in which they ended. It differs between two runs of the same seeds
    /// only where something depends on more than the seed.
    private var digest: UInt64 = 0
    private let start = ContinuousClock.now

    mutating func add(_ report: CPSimulation.Report) {
        undecided += report.undecided.isEmpty ? 0 : 1
        for operation in report.history where operation.result != .unknown && operation.result != .notApplied {
            latenciesMs[Int((operation.returnNs - operation.callNs) / 1_000_000), default: 0] += 1
        }
        add(report.history.map { Self.name($0.result) }, report.faults, report.virtualMs, report.violations)
        addDigest(report.seed, report.history.flatMap { [$0.callNs, $0.returnNs] }, events: report.events)
    }

    mutating func add(_ report: APSimulation.Report) {
        collected += report.collected
        refusedReplicas += report.refusedReplicas
        let names = report.history.map { "\($0.call.rawValue): \($0.result.rawValue)" }
        add(names, report.faults, report.virtualMs, report.violations)
        addDigest(report.seed, report.history.flatMap { [$0.callNs, $0.returnNs] }, events: report.events)
    }

    /// A hash of the times of a history: one random number more or less shifts all that follow.
    private mutating func addDigest(_ seed: UInt64, _ timesNs: [UInt64], events: Int) {
        let numbers = [seed, UInt64(events)] + timesNs
        digest ^= numbers.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }.fnv1a
    }

    private mutating func add(
        _ names: [String], _ counts: [FaultKind: Int], _ worldMs: UInt64, _ problems: [String]
    ) {
        seeds += 1
        operations += names.count
        for name in names { results[name, default: 0] += 1 }
        for (kind, count) in counts { faults[kind.rawValue, default: 0] += count }
        virtualMs += worldMs
        violations += problems.isEmpty ? 0 : 1
    }

    private static func name(_ result: RegisterOperation.Result) -> String {
        switch result {
        case .value: "read"
        case .applied: "applied"
        case .absent: "absent"
        case .preconditionFailed: "precondition failed"
        case .notApplied: "not applied"
        case .unknown: "unknown"
        }
    }

    /// The latency that this percentage of the operations did not exceed, in whole milliseconds.
    private func latency(percent: Int) -> Int {
        var left = latenciesMs.values.reduce(0, +) * percent / 100
        for (latencyMs, count) in latenciesMs.sorted(by: { $0.key < $1.key }) {
            left -= count
            if left <= 0 { return latencyMs + 1 }
        }
        return 0
    }

    var table: String {
        let took = ContinuousClock.now - start
        var lines = [
            "seeds       \(seeds), with violations: \(violations), undecided: \(undecided)",
            "operations  \(operations)",
        ]
        lines += results.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
        lines.append("faults      \(faults.values.reduce(0, +))")
        lines += faults.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
        if collected > 0 { lines.append("collected   \(collected) records, once per replica") }
        if refusedReplicas > 0 { lines.append("too old     \(refusedReplicas) replicas, emptied") }
        lines.append("digest      \(String(digest, radix: 16))")
        if let worst = latenciesMs.keys.max() {
            let (half, most) = (latency(percent: 50), latency(percent: 99))
            lines.append("answered within \(half) ms (half), \(most) ms (99 %), \(worst + 1) ms (all)")
        }
        lines.append("time        \(virtualMs / 1_000) s virtual, \(took.components.seconds) s real")
        return lines.joined(separator: "\n")
    }
}
