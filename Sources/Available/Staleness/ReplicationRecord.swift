import Replication

/// The arguments of `record_replication` (rule A8): the reports of a replica's peers. From these arguments, the replica
/// computes the moment, on its own clock, up to which it has everything of each peer.
struct ReplicationRecord {
    /// The report of one peer, after the replica's clock was read.
    struct Peer {
        let name: Bytes
        /// Empty if the peer did not answer.
        let incarnation: Bytes
        let hlc: UInt64
        /// The lowest hlc of the peer's hints for the replica; nil if there are no hints.
        let lowestHint: UInt64?
    }

    /// The replica's clock before the peers were asked, and its clock epoch.
    let readAtUs: Int64
    let epoch: Bytes
    /// True if all records were compared with those of every peer after the clock was read.
    let isFull: Bool
    let peers: [Peer]

    /// - Parameter incarnation: the replica refuses the record if it has another incarnation.
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
