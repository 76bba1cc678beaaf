import Replication

/// The arguments of `record_replication`: what a replica must know of its peers to say up to which moment of its own clock it
/// has everything of theirs (rule A8).
struct ReplicationRecord {
    /// What a peer reported after the replica's clock was read.
    struct Peer {
        let name: Bytes
        /// Empty if the peer did not answer.
        let incarnation: Bytes
        let hlc: UInt64
        /// Lowest hlc of its hints for the replica; 0 for none.
        let lowestHint: UInt64
    }

    /// The replica's clock, and its epoch, before the peers were asked.
    let readAtUs: Int64
    let epoch: Bytes
    /// All records were compared with those of every peer in between.
    let isFull: Bool
    let peers: [Peer]

    /// - Parameter incarnation: that the replica must still have.
    func arguments(incarnation: Bytes) -> [Bytes] {
        var arguments = [Bytes(decimal: UInt64(max(0, readAtUs))), Bytes((isFull ? "full" : "probe").utf8)]
        for peer in peers {
            arguments += [
                peer.name, peer.incarnation, Bytes(decimal: peer.hlc), Bytes(decimal: peer.lowestHint),
            ]
        }
        return arguments + [Arguments.empty, epoch, incarnation]
    }

    static func argumentCount(peers: Int) -> Int { 5 + 4 * peers }

    /// The reply: by peer, the moment (nil if unknown); whether only a comparison of all records can make one known.
    struct Result {
        let nowUs: Int64
        let upToUs: [Int64?]
        let needsAntiEntropy: Bool

        /// - Parameter peers: the replica's peers among `replicaCount` replicas, in the order of the arguments.
        init?(_ elements: [Reply], peers: [Int], replicaCount: Int) {
            guard elements.count >= 2 + 2 * peers.count, let nowUs = elements[1].number else { return nil }
            var upToUs = [Int64?](repeating: nil, count: replicaCount)
            var needsAntiEntropy = false
            for (position, peer) in peers.enumerated() {
                let moment = elements[2 + 2 * position].number ?? 0
                upToUs[peer] = moment == 0 ? nil : moment
                needsAntiEntropy = needsAntiEntropy || elements[3 + 2 * position].int64 == 1
            }
            self.nowUs = nowUs
            self.upToUs = upToUs
            self.needsAntiEntropy = needsAntiEntropy
        }
    }
}
