import Replication

/// Copies the chosen state of one register to the replicas that missed its accept (rule C11). A rebuilt replica has no
/// data at first; catch-up copies all keys to it.
///
/// Sends the original accept again: the same ballot, the same state, and the same promise of the next ballot.
struct CatchUp {
    private let acceptors: AcceptorGroup
    private let register: Register
    private let ballot: Ballot
    private let scan: RegisterScan

    enum Result {
        case copied(isTombstone: Bool)
        /// A replica rejected the ballot: it has promised or accepted a higher one, or it has no record and its GC
        /// watermark is higher. An identity round must store the state at a higher ballot.
        case rejected
        /// A replica did not answer, or answered with an error.
        case failed
    }

    /// - Parameter ballot: the ballot of the chosen state.
    init(_ acceptors: AcceptorGroup, _ register: Register, _ ballot: Ballot, under scan: RegisterScan) {
        self.acceptors = acceptors
        self.register = register
        self.ballot = ballot
        self.scan = scan
    }

    /// The voters that hold an older state or none. Excludes voters that did not answer.
    func replicasBehind(_ summary: [RecordSummary]) -> ReplicaSet {
        ReplicaSet(scan.configuration.voters.filter { summary[$0].ballot.map { $0 < ballot } ?? false })
    }

    /// Reads the state from `holder`, and asks the replicas `behind` to accept it.
    func copy(from holder: Int, to behind: ReplicaSet) async -> Result {
        let client = acceptors.client()
        let record = await client.ask(AcceptorCommands.readRecord(register), of: holder)
        guard let record, scan.isMember(holder, by: record[1]), case .array(let fields)? = record[0],
            fields.count >= 7, fields[0].bytes == ballot.text, let state = RegisterState(fields: fields[1...])
        else { return .failed }
        let replies = await client.ask(scan.commands.accept(register, ballot, state), of: behind)
        let verdicts = behind.map { replies[$0].map(AcceptorReply.init(accept:)) }
        if verdicts.allSatisfy({ $0 == .accepted }) {
            acceptors.events?.keyRepaired()
            return .copied(isTombstone: state.isDeleted)
        }
        return verdicts.contains { if case .rejected? = $0 { true } else { false } } ? .rejected : .failed
    }
}
