import Replication

/// The arguments of `record_replication` (rule A8): what a replica must know of its peers. From it the replica computes
/// up to which moment of its own clock it has everything of theirs.
struct ReplicationRecord {
    /// What a peer reported after the replica's clock was read.
    struct Peer {
        let name: Bytes
        /// Empty if the peer did not answer.
        let incarnation: Bytes
        let hlc: UInt64
        /// Lowest hlc of its hints for the replica; nil if there is none.
        let lowestHint: UInt64?
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
                peer.name, peer.incarnation, Bytes(decimal: peer.hlc), Bytes(decimal: peer.lowestHint ?? 0),
            ]
        }
        return arguments + [Arguments.empty, epoch, incarnation]
    }

    static func argumentCount(peers: Int) -> Int { 5 + 4 * peers }
}
