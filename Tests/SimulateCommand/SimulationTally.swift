import ByteCoding
import Simulator

/// The results of all seeds.
struct SimulationTally {
    private(set) var seeds = 0
    private(set) var violations = 0
    private(set) var undecided = 0
    private var counts = WorldCounts()
    private var results: [String: Int] = [:]
    /// The number of operations by latency in milliseconds. Operations that were not applied, or whose outcome is
    /// unknown, are left out. High latencies reveal starvation.
    private var latenciesMs: [Int: Int] = [:]
    /// A hash of all histories, independent of the order in which they ended. If two runs of the same seeds have
    /// different hashes, something depends on more than the seed.
    private var digest: UInt64 = 0
    private let start = ContinuousClock.now

    mutating func add<Operation>(_ report: SimulationReport<Operation>) {
        seeds += 1
        violations += report.violations.isEmpty ? 0 : 1
        undecided += report.undecided.isEmpty ? 0 : 1
        counts += report.counts
        // Hash only the times: one more or one fewer random number changes all later times.
        var numbers = [report.seed, UInt64(report.counts.events)]
        for operation in report.history {
            results[operation.resultName, default: 0] += 1
            numbers += [operation.callNs, operation.returnNs]
            guard operation.isAnswered else { continue }
            latenciesMs[Int((operation.returnNs - operation.callNs) / 1_000_000), default: 0] += 1
        }
        digest ^= numbers.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }.fnv1a
    }

    /// The latency that this percentage of the operations did not exceed, in milliseconds, rounded up.
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
            "operations  \(results.values.reduce(0, +))",
        ]
        lines += results.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
        lines.append("faults      \(counts.faults.values.reduce(0, +))")
        lines += counts.faults.map { "  \($0.key.rawValue): \($0.value)" }.sorted()
        if counts.collected > 0 { lines.append("collected   \(counts.collected) records, once per replica") }
        if counts.refusedReplicas > 0 { lines.append("too old     \(counts.refusedReplicas) replicas, emptied") }
        lines.append("digest      \(String(digest, radix: 16))")
        if let worst = latenciesMs.keys.max() {
            let (half, most) = (latency(percent: 50), latency(percent: 99))
            lines.append("answered within \(half) ms (half), \(most) ms (99 %), \(worst + 1) ms (all)")
        }
        lines.append("time        \(counts.virtualMs / 1_000) s virtual, \(took.components.seconds) s real")
        return lines.joined(separator: "\n")
    }
}
