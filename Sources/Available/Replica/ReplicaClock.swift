import EventLoop
import Replication

/// What an instance knows of one replica's clock: a reading, and when it had it. From it comes the fence of every call
/// (DESIGN A5): a moment of the replica's clock after which the replica does not run the call any more.
struct ReplicaClock: Equatable {
    /// The life of the replica that the reading belongs to.
    let incarnation: Bytes
    /// How often its clock was seen to go back.
    let steps: Bytes
    private var timeUs: Int64
    private var receivedNs: UInt64

    /// A reading older than this is replaced by any other: the two clocks may drift apart.
    private static let maxAgeNs = 5_000 * nsPerMs
    /// A younger one only by one that is better by more than this.
    private static let noticedUs: Int64 = 500

    init(incarnation: Bytes, steps: Bytes, timeUs: Int64, receivedNs: UInt64) {
        self.incarnation = incarnation
        self.steps = steps
        self.timeUs = timeUs
        self.receivedNs = receivedNs
    }

    /// The replica's clock at `nowNs` of ours, in microseconds, or a little less: the reading was taken before it was
    /// received. Less is safe, as a fence made from it is then earlier.
    func earliestUs(atNs nowNs: UInt64) -> Int64 {
        timeUs + (Int64(bitPattern: nowNs) - Int64(bitPattern: receivedNs)) / 1_000
    }

    /// True where another reading of the same life should replace this one: it shows more time gone, or this one is old.
    func isWorthReplacing(timeUs: Int64, receivedNs: UInt64) -> Bool {
        timeUs > earliestUs(atNs: receivedNs) + Self.noticedUs || receivedNs > self.receivedNs + Self.maxAgeNs
    }

    /// The last three words of a fenced command: `not_after`, `steps`, `incarnation`.
    func fence(startNs: UInt64, budgetMs: UInt64) -> [Bytes] {
        [notAfter(startNs: startNs, budgetMs: budgetMs), steps, incarnation]
    }

    /// The moment of the replica's clock that is `budgetMs` after `startNs` of ours, or a little earlier.
    func notAfter(startNs: UInt64, budgetMs: UInt64) -> Bytes {
        Bytes(decimal: UInt64(max(0, earliestUs(atNs: startNs) + Int64(budgetMs) * 1_000)))
    }
}

/// How long a write is tried at one coordinator (DESIGN A5). A second coordinator, or a failure, has to wait for it, so it
/// is short; but it must be longer than the way there, or a far replica would refuse everything.
enum Fence {
    /// Between our clock's resolution of one loop turn and the replica's.
    static let marginMs: UInt64 = 5

    static func budgetMs(latencyNs: UInt64, settings: AvailableSettings) -> UInt64 {
        guard latencyNs != .max else { return settings.maxFenceMs }
        let latencyMs = latencyNs / nsPerMs
        let usual = min(max(latencyMs * 8, settings.minFenceMs), settings.maxFenceMs)
        return max(usual, min(latencyMs * 3 + marginMs, settings.mergeFenceMs))
    }
}
