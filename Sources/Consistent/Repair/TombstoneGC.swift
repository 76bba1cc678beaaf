import Replication

/// Removes tombstones that all voters hold at one ballot (rule C10).
struct TombstoneGC {
    private let acceptors: AcceptorGroup

    init(_ acceptors: AcceptorGroup) { self.acceptors = acceptors }

    /// Removes the tombstone that was accepted at `ballot` from all voters.
    ///
    /// - Returns: false if a voter may still hold it.
    func collect(_ register: Register, _ ballot: Ballot, _ scan: RegisterScan) async -> Bool {
        let voters = scan.configuration.voters
        let replies = await acceptors.client().ask(scan.commands.collect(register, ballot), of: voters)
        guard voters.allSatisfy({ replies[$0]?.int64 != nil }) else { return false }
        acceptors.events?.tombstoneCollected()
        return true
    }
}
