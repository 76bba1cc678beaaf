import EventLoop
import Replication

/// What an engine knows of one replica beside its clock.
struct ReplicaState {
    let name: String
    let nameBytes: Bytes
    /// Number and names of its peers, as words of `put`.
    let peerWords: [Bytes]

    /// The life that all below belongs to; nil before the first admission.
    var incarnation: Bytes?
    var staleness = StalenessBound()
    var watch = PartitionWatch()
    /// By replica, as of the last poll: the moment up to which it is heard, by this replica's clock.
    var heardUs: [Int64?]
    var polledUs: Int64 = 0
    /// By replica: what this one owes it.
    var debts: [Debt]
    /// When it was asked for them.
    var owedNs: UInt64 = 0
    var hlc: UInt64?
    /// One after `cap:hlc` of a poll long enough ago: what is owed up to it was not delivered by the write that made it.
    var drainUpTo: UInt64?
    private var hlcReadings: [(hlc: UInt64, atNs: UInt64)] = []
    var isReadmitting = false
    /// The error that it answered a script with last; nil once one ran again.
    var error: String?
    /// Why it must not be used, where it was asked and refused.
    var refusal: String?
    var needsWalk = false
    /// Not before this, after a walk that could not finish.
    var nextWalkNs: UInt64 = 0
    /// The peer that the last walk had to do without: once it is back, the next one need not wait.
    var lackedPeer: Int?
    /// Microseconds since the last complete comparison of this replica; nil for never.
    var walkedAgoUs: Int64?

    struct Debt: Equatable {
        var lowestHlc: UInt64?
        var entries = 0
        var overflowed = 0
    }

    init(name: String, replicaCount: Int, peerWords: [Bytes]) {
        self.name = name
        nameBytes = Bytes(name.utf8)
        self.peerWords = peerWords
        heardUs = Array(repeating: nil, count: replicaCount)
        debts = Array(repeating: Debt(), count: replicaCount)
    }

    mutating func noteHlc(_ hlc: UInt64, atNs nowNs: UInt64, drainAfterNs: UInt64) {
        self.hlc = hlc
        owedNs = nowNs
        hlcReadings.append((hlc, nowNs))
        while let first = hlcReadings.first, nowNs - first.atNs >= drainAfterNs {
            // A debt whose record moved while it was delivered begins one after it (`strike`).
            drainUpTo = first.hlc + 1
            hlcReadings.removeFirst()
        }
        // Only where the polls come faster than any setting allows.
        if hlcReadings.count > 64 { hlcReadings.removeFirst(32) }
    }

    /// It is another replica than before, by its incarnation.
    mutating func becameAnother() {
        staleness.forget()
        heardUs = Array(repeating: nil, count: heardUs.count)
        hlc = nil
        drainUpTo = nil
        hlcReadings = []
        walkedAgoUs = nil
    }
}
