import EventLoop
import Replication

/// One replica as `/replicas` shows it, as of the last staleness probe.
public struct AvailableReplicaStatus: Sendable, Equatable {
    /// The hints that this replica has for a peer.
    public struct Hints: Sendable, Equatable {
        public let peer: String
        /// Records with a hint.
        public let count: Int
        /// Writes that found no room for a hint; above 0 until all records have been compared.
        public let overflowed: Int
        /// Age of the oldest by the clocks of their writes, in milliseconds; nil if there is none.
        public let oldestMs: Int64?
    }

    public let name: String
    /// It accepts commands now.
    public let isReachable: Bool
    /// The error that it answers probes or changes with, e.g. that its memory is full; nil if it accepts writes.
    public let error: String?
    /// Age of what follows, in milliseconds; nil if this incarnation of the replica was never asked.
    public let asOfMsAgo: Int64?
    /// Nil before it was first reached.
    public let incarnation: String?
    /// Upper bound of the age of its answers, in milliseconds; nil if unknown.
    public let stalenessMs: Int64?
    /// By peer: how long ago it had everything that the peer had; nil if unknown.
    public let replicatedMsAgo: [String: Int64?]
    public let hints: [Hints]
    /// Keys of which it holds more than one value.
    public let conflictKeys: Int
    public let isSuspected: Bool
    /// Why it is not used although it answers; nil if it is used.
    public let refusal: String?
    /// It may lack records for which no replica has a hint: all records must be compared.
    public let needsAntiEntropy: Bool
    /// Since the last complete comparison, in milliseconds; nil for never.
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
