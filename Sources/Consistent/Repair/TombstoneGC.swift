import Replication

/// Removes tombstones that all voters hold at one ballot (rule C10).
struct TombstoneGC {
    private let acceptors: AcceptorGroup

    init(_ acceptors: AcceptorGroup) { self.acceptors = acceptors }

    /// - Returns: false if some voter may still hold the tombstone.
    func collect(_ register: Register, _ ballot: Ballot, _ scan: RegisterScan) async -> Bool {
        let voters = scan.configuration.voters
        let replies = await acceptors.client().ask(scan.commands.collect(register, ballot), of: voters)
        guard voters.allSatisfy({ replies[$0]?.int64 != nil }) else { return false }
        acceptors.events?.tombstoneCollected()
        return true
    }
}
