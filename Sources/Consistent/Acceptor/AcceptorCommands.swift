import Replication

/// The Redis commands that read and change registers. Each script call carries the group, the epoch, and the
/// incarnation that the configuration names for the replica (rule C8). Reads without a script carry none of them.
struct AcceptorCommands {
    let configuration: GroupConfiguration
    /// The script arguments that are equal for all replicas: group and epoch.
    private let shared: [Bytes]
    /// For each replica, the script argument that follows the shared ones: the incarnation that the replica must have.
    private let tails: [[Bytes]]

    init(group: Bytes, configuration: GroupConfiguration) {
        self.configuration = configuration
        tails = configuration.entries.map { [$0.incarnation] }
        shared = [group, decimal(configuration.epoch)]
    }

    /// - Parameter isDelete: true if the change is a delete. A replica that has a record then stores the promise even
    ///   at its memory limit.
    func prepare(_ register: Register, _ ballot: Ballot, isDelete: Bool) -> Command {
        command(isDelete ? ConsistentScripts.prepareDelete : ConsistentScripts.prepare, register, [ballot.text])
    }

    /// Asks a replica to accept `state`, and to promise the next ballot of the same proposer (rule C2).
    func accept(_ register: Register, _ ballot: Ballot, _ state: RegisterState) -> Command {
        command(
            state.isDeleted ? ConsistentScripts.acceptTombstone : ConsistentScripts.accept, register,
            [
                ballot.text, ballot.next.text, decimal(state.version), state.value,
                state.isDeleted ? Self.one : Self.zero, state.expiresMs.map { Bytes(String($0).utf8) } ?? [],
                state.writersText, decimal(state.evictedAt),
            ])
    }

    /// Reads the fields `ballot, deleted, expires_ms` of a record. ``RecordSummary`` parses the reply.
    func inspect(_ register: Register) -> Command { command(ConsistentScripts.inspect, register, []) }

    /// Removes the tombstone that was accepted at `ballot`, if the replica still holds it.
    func collect(_ register: Register, _ ballot: Ballot) -> Command {
        command(ConsistentScripts.collect, register, [ballot.text])
    }

    private func command(_ script: Script, _ register: Register, _ arguments: [Bytes]) -> Command {
        Command(.step(script, key: register.redisKey, shared: shared), arguments: arguments, tailCount: 1) {
            [tails] in tails[$0]
        }
    }

    private static let zero = Bytes("0".utf8)
    private static let one = Bytes("1".utf8)

    // MARK: Reads without a script, which need no configuration; the reply is `[fields, identity]`

    /// Reads the fields `ballot, version, value, deleted, expires_ms` of a record.
    static func read(_ register: Register) -> Command {
        Command(.plain([hmget, register.redisKey]), arguments: readFields, checksIdentity: true)
    }

    /// Reads the complete accepted state: the fields of ``read(_:)``, then `writers` and `evicted_at`.
    static func readRecord(_ register: Register) -> Command {
        Command(.plain([hmget, register.redisKey]), arguments: recordFields, checksIdentity: true)
    }

    /// Requests one page of the Redis keys of clients' registers.
    static func scan(from cursor: Bytes, count: Int) -> Command {
        let options = ["MATCH", Register.scanPattern, "COUNT", String(count)].map { Bytes($0.utf8) }
        return Command(.plain([Bytes("SCAN".utf8), cursor]), arguments: options, checksIdentity: true)
    }

    private static let hmget = Bytes("HMGET".utf8)
    private static let readFields = ["ballot", "version", "value", "deleted", "expires_ms"].map { Bytes($0.utf8) }
    private static let recordFields = readFields + ["writers", "evicted_at"].map { Bytes($0.utf8) }
}

private func decimal(_ value: UInt64) -> Bytes {
    value < 10 ? digits[Int(value)] : Bytes(decimal: value)
}

private let digits: [Bytes] = (0..<10).map { [UInt8(ascii: "0") + UInt8($0)] }
