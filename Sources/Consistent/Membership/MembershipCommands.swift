import Replication

/// The commands that maintain the membership of a group. None of them checks the replica's epoch.
enum MembershipCommands {
    /// The rollback counter of one replica. The replica is identified by its incarnation.
    typealias WitnessedCounter = (incarnation: Bytes, counter: UInt64)

    private static let keys = [Bytes("cap:identity".utf8)]

    private static func command(
        _ script: Script, _ arguments: [Bytes] = [], tailCount: Int = 0, tail: @escaping (Int) -> [Bytes] = { _ in [] }
    ) -> Command {
        Command(.script(script, keys: keys), arguments: arguments, tailCount: tailCount, tail: tail)
    }

    /// Reads a replica's identity. Runs after reads without a script, to check that the expected replica answered them
    /// (rule C8).
    static var identityCheck: Command {
        Command(.plain((["HMGET", "cap:identity"] + ReplicaIdentity.fieldNames).map { Bytes($0.utf8) }))
    }

    static func probe() -> Command { command(ConsistentScripts.probe) }

    static func info() -> Command { .plain("INFO") }

    static func appendSettings() -> Command { .plain("CONFIG", "GET", "*append*") }

    /// - Parameter incarnations: by replica, a new random incarnation for it.
    static func adopt(group: Bytes, names: [String], incarnations: [Bytes]) -> Command {
        command(ConsistentScripts.adopt, [group], tailCount: 2) { [Bytes(names[$0].utf8), incarnations[$0]] }
    }

    /// - Parameters:
    ///   - watermark: the GC watermark that the replica must have at least (rule C10).
    ///   - witnessed: the rollback counters of the other members.
    static func promote(
        _ configuration: GroupConfiguration, watermark: GCWatermark = GCWatermark(),
        witnessed: [WitnessedCounter] = []
    ) -> Command {
        let counters = arguments(of: witnessed)
        return command(ConsistentScripts.promote, tailCount: 4 + counters.count) { replica in
            [
                configuration.entries[replica].incarnation, Bytes(decimal: configuration.epoch),
                watermark.ballot?.text ?? [], Bytes(decimal: watermark.version),
            ] + counters
        }
    }

    /// - Parameters:
    ///   - incarnations: by replica, the incarnation that it is expected to have.
    ///   - replicas: the replicas whose counters are raised. To the counters of the others, the command adds 0, which
    ///     is also a write.
    static func raiseRollbackCounter(group: Bytes, incarnations: [Bytes], of replicas: ReplicaSet) -> Command {
        command(ConsistentScripts.raiseRollbackCounter, [group], tailCount: 2) {
            [incarnations[$0], Bytes(decimal: replicas.contains($0) ? 1 : 0)]
        }
    }

    /// - Parameter incarnation: the incarnation that the witness is expected to have.
    static func recordWitnessed(_ counters: [WitnessedCounter], group: Bytes, incarnation: Bytes) -> Command {
        command(ConsistentScripts.recordWitnessedCounters, [group, incarnation] + arguments(of: counters))
    }

    static func raiseEpoch(group: Bytes, to configuration: GroupConfiguration) -> Command {
        command(ConsistentScripts.raiseEpoch, [group], tailCount: 2) { replica in
            [configuration.entries[replica].incarnation, Bytes(decimal: configuration.epoch)]
        }
    }

    static func erase(_ incarnation: Bytes, rollbackCounter: UInt64) -> Command {
        command(ConsistentScripts.erase, [incarnation, Bytes(decimal: rollbackCounter)])
    }

    private static func arguments(of counters: [WitnessedCounter]) -> [Bytes] {
        counters.flatMap { [$0.incarnation, Bytes(decimal: $0.counter)] }
    }
}

/// The GC watermark of a replica: the highest promise and the highest version of any collected tombstone (rule C10).
struct GCWatermark {
    var ballot: Ballot?
    var version: UInt64 = 0

    init() {}

    /// Parses the reply to `raise_epoch`; nil for any other reply.
    init?(_ reply: Reply?) {
        guard case .array(let fields)? = reply, fields.count == 2 else { return nil }
        ballot = fields[0].bytes.flatMap(Ballot.init(text:))
        version = fields[1].int64.flatMap { UInt64(exactly: $0) } ?? 0
    }

    mutating func raise(to other: GCWatermark) {
        ballot = [ballot, other.ballot].compactMap { $0 }.max()
        version = max(version, other.version)
    }
}
