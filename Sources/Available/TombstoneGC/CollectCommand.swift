import Replication

/// The arguments of `collect`.
struct CollectCommand {
    enum Mode: String {
        /// Only say which records could be collected.
        case check
        case collect
    }

    let mode: Mode
    let graceUs: Bytes
    let keys: [Bytes]
    /// That every replica must hold, by key.
    let vectors: [Bytes]

    /// The same for all replicas.
    var sharedArguments: [Bytes] { [Bytes(mode.rawValue.utf8), graceUs] }

    /// - Parameters:
    ///   - peers: names of the replica's peers.
    ///   - fence: three arguments; see ``ReplicaClock/fence(startNs:budgetMs:)``.
    func arguments(peers: [Bytes], fence: [Bytes]) -> [Bytes] {
        [Bytes(decimal: UInt64(peers.count))] + peers + vectors + fence
    }

    func argumentCount(replicas: Int) -> Int { replicas + vectors.count + 3 }
}
