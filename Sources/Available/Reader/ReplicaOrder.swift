import EventLoop
import Replication

/// The order in which replicas are asked (rule A7). Complete replicas come first: their staleness is known (A8). Then
/// fresh before clearly staler ones, those that accept writes, those of this site, and the nearest.
///
/// The first one changes slowly: instances that coordinate a key at the same replica create no needless siblings.
/// Another replica must be clearly nearer for a while to become the first.
struct ReplicaOrder {
    private(set) var order: [Int]
    private var validUntilNs: UInt64 = 0
    /// The replica that is asked first.
    private var first = 0
    /// Since when another one has been clearly nearer; nil if none is.
    private var challengedNs: UInt64?

    private static let validForNs = 20 * nsPerMs
    /// Smaller differences in latency are noise, or load that a change would only move.
    private static let noiseNs: UInt64 = 2_000_000
    /// For a replica that is slow for a shorter time, the hedge and the fence suffice.
    static let patienceNs = 250 * nsPerMs

    init(count: Int) { order = Array(0..<count) }

    func isValid(atNs nowNs: UInt64) -> Bool { nowNs < validUntilNs }

    /// What is known of one replica.
    struct Candidate {
        var isUsable: Bool
        var isComplete: Bool
        /// Not clearly staler than another one.
        var isFresh = true
        var acceptsWrites = true
        var isPreferred: Bool
        var latencyNs: UInt64
    }

    mutating func invalidate() { validUntilNs = 0 }

    mutating func update(_ candidates: [Candidate], nowNs: UInt64) {
        validUntilNs = nowNs + Self.validForNs
        func rank(_ replica: Int) -> Int {
            let candidate = candidates[replica]
            let merits = [
                candidate.isUsable, candidate.isComplete, candidate.isFresh, candidate.acceptsWrites,
                candidate.isPreferred,
            ]
            return merits.reduce(0) { $0 * 2 + ($1 ? 0 : 1) }
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
        if equals.contains(first), !isClearlyNearer(best, first) {
            challengedNs = nil
        } else if equals.contains(first), nowNs < (challengedNs ?? nowNs) + Self.patienceNs {
            challengedNs = challengedNs ?? nowNs
        } else {
            // The lowest index among those that are about as near as the best.
            first = equals.filter { !isClearlyNearer(best, $0) }.min() ?? best
            challengedNs = nil
        }
        order.removeAll { $0 == first }
        order.insert(first, at: 0)
    }
}
