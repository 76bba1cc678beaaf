import EventLoop
import Replication

/// The order in which replicas are asked (rule A7). Complete replicas, whose staleness is known, come first (rule A8).
/// Among these, fresh ones come before clearly staler ones. Then those that accept writes, those of this site, and the
/// nearest.
///
/// Among replicas that differ only in latency, the first one changes only if another one is clearly nearer for a while.
/// Otherwise instances would often coordinate a key's writes at different replicas, which creates needless siblings.
struct ReplicaOrder {
    private(set) var order: [Int]
    private var validUntilNs: UInt64 = 0
    /// The replica that is asked first.
    private var first = 0
    /// Time since which another replica has been clearly nearer than the first; nil if none is.
    private var challengedNs: UInt64?

    private static let validForNs = 20 * nsPerMs
    /// A smaller difference in latency is noise, or comes from load, which would move along with the requests.
    private static let noiseNs: UInt64 = 2_000_000
    /// How long another replica must be clearly nearer. Slowness that ends sooner is covered by the hedge and the
    /// fence.
    static let patienceNs = 250 * nsPerMs

    init(count: Int) { order = Array(0..<count) }

    func isValid(atNs nowNs: UInt64) -> Bool { nowNs < validUntilNs }

    /// The properties of one replica that determine its position.
    struct Candidate {
        var isUsable: Bool
        var isComplete: Bool
        /// False if the replica is clearly staler than another one.
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
            // Of all replicas that are about as near as the best, the one with the lowest index: the same choice in
            // every instance.
            first = equals.filter { !isClearlyNearer(best, $0) }.min() ?? best
            challengedNs = nil
        }
        order.removeAll { $0 == first }
        order.insert(first, at: 0)
    }
}
