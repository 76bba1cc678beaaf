import EventLoop
import Replication

/// One replica as `/replicas` shows it, as of the last staleness probe.
public struct AvailableReplicaStatus: Sendable, Equatable {
    /// The hints that this replica has for a peer.
    public struct Hints: Sendable, Equatable {
        public let peer: String
        /// Records for which there is a hint.
        public let count: Int
        /// Writes whose hint was not stored because the list was full; above 0 until all records have been compared.
        public let overflowed: Int
        /// Milliseconds from the time (`hlc`) of the oldest hint to the last probe, by this replica's clock; nil if
        /// there is no hint.
        public let oldestMs: Int64?
    }

    public let name: String
    /// True if the replica is admitted and can be sent commands now.
    public let isReachable: Bool
    /// The error with which the replica answers probes or changes, e.g. that its memory is full; nil if it accepts
    /// writes.
    public let error: String?
    /// Age of the measurements below, in milliseconds; nil if no probe has reached this incarnation of the replica.
    public let asOfMsAgo: Int64?
    /// Nil until an instance has first reached the replica.
    public let incarnation: String?
    /// The replica's staleness in milliseconds: its answers reflect every write that any replica stored longer ago than
    /// this. Nil if unknown.
    public let stalenessMs: Int64?
    /// By peer: how many milliseconds before the last probe the replica had everything that the peer had; nil if
    /// unknown.
    public let replicatedMsAgo: [String: Int64?]
    public let hints: [Hints]
    /// Keys of which the replica holds more than one value.
    public let conflictKeys: Int
    public let isSuspected: Bool
    /// Why the replica is not used although it answers; nil if it is used.
    public let refusal: String?
    /// True if the replica may lack records for which no replica has a hint. Then all records must be compared.
    public let needsAntiEntropy: Bool
    /// Milliseconds since the last complete comparison of the replica's records; nil for never.
    public let antiEntropyMsAgo: Int64?

    init(_ replica: Int, _ replicas: ReplicaTable, isSuspected: Bool, nowNs: UInt64) {
        let state = replicas[replica]
        let probe = state.probe
        let countedNs = probe.hints.countedNs
        let peers = replicas.peers(of: replica)
        name = replicas.names[replica]
        isReachable = replicas.usable.contains(replica)
        error = replicas.writeProblem(of: replica)
        asOfMsAgo = countedNs == 0 ? nil : Int64((nowNs - min(nowNs, countedNs)) / nsPerMs)
        incarnation = state.incarnation.map { String(decoding: $0, as: UTF8.self) }
        stalenessMs = probe.staleness.ms(atNs: nowNs)
        replicatedMsAgo = Dictionary(
            uniqueKeysWithValues: peers.map { peer in
                (replicas.names[peer], probe.replication.upToUs[peer].map { (probe.replication.probedUs - $0) / 1_000 })
            })
        hints = peers.map { peer in
            let hints = probe.hints.counts[peer]
            return Hints(
                peer: replicas.names[peer], count: hints.count, overflowed: hints.overflowed,
                oldestMs: hints.lowestHlc.map { max(0, probe.replication.probedUs - Int64($0)) / 1_000 })
        }
        conflictKeys = probe.conflictKeys
        self.isSuspected = isSuspected
        refusal = state.refusal
        needsAntiEntropy = replicas.needsAntiEntropy(replica)
        antiEntropyMsAgo = probe.comparedAgoUs.map { $0 / 1_000 }
    }
}
