import EventLoop
import Replication

/// The order in which replicas are asked: those whose data is complete first, then those of this site, then the nearest.
///
/// It changes slowly: instances that coordinate one key at one and the same replica make no needless siblings, and a
/// replica must be clearly nearer to take over.
struct ReplicaOrder {
    private(set) var order: [Int]
    private var validUntilNs: UInt64 = 0
    private var leader = 0
    /// Since when another one has been clearly nearer than the leader.
    private var challengedNs: UInt64?

    private static let validForNs = 20 * nsPerMs
    /// Differences in latency below this are noise, or load that would only move.
    private static let noiseNs: UInt64 = 2_000_000
    /// A leader that is slow for a moment only is helped by the hedge and the fence.
    static let patienceNs = 250 * nsPerMs

    init(count: Int) { order = Array(0..<count) }

    func isValid(atNs nowNs: UInt64) -> Bool { nowNs < validUntilNs }

    /// What is known of one replica.
    struct Candidate {
        var isUsable: Bool
        var isComplete: Bool
        var isPreferred: Bool
        var latencyNs: UInt64
    }

    mutating func invalidate() { validUntilNs = 0 }

    mutating func update(_ candidates: [Candidate], nowNs: UInt64) {
        validUntilNs = nowNs + Self.validForNs
        func rank(_ replica: Int) -> Int {
            let candidate = candidates[replica]
            return (candidate.isUsable ? 0 : 4) + (candidate.isComplete ? 0 : 2) + (candidate.isPreferred ? 0 : 1)
        }
        func isClearlyNearer(_ left: Int, _ right: Int) -> Bool {
            let near = candidates[left].latencyNs
            let far = candidates[right].latencyNs
            return near < .max / 8 && near * 4 + Self.noiseNs < far
        }
        order = candidates.indices.sorted {
            (rank($0), candidates[$0].latencyNs, $0) < (rank($1), candidates[$1].latencyNs, $1)
        }
        guard let best = order.first else { return }
        let equals = order.filter { rank($0) == rank(best) }
        if equals.contains(leader), !isClearlyNearer(best, leader) {
            challengedNs = nil
        } else if equals.contains(leader), nowNs < (challengedNs ?? nowNs) + Self.patienceNs {
            challengedNs = challengedNs ?? nowNs
        } else {
            // The lowest index among those about as near as the best.
            leader = equals.filter { !isClearlyNearer(best, $0) }.min() ?? best
            challengedNs = nil
        }
        order.removeAll { $0 == leader }
        order.insert(leader, at: 0)
    }
}
