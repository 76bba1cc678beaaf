import Replication

/// The scripts that an acceptor runs. The group's wiring loads them into every replica.
public enum ConsistentScripts {
    public static let all = [prepare, accept] + MemberCommands.scripts + UpkeepCommands.scripts

    /// What the scripts that touch registers begin with.
    static let onMembers = PackageResources.ballot_lua + PackageResources.membership_lua

    static let prepare = Script(
        name: "prepare", source: onMembers + PackageResources.prepare_lua, isBatchable: true)
    static let accept = Script(
        name: "accept", source: onMembers + PackageResources.accept_lua, isBatchable: true)
}

/// Names one register by its key in Redis: `cp:` and a client's key, or the group's configuration.
struct Register: Hashable {
    let redisKey: Bytes

    init(key: Bytes) {
        var name = Bytes()
        name.reserveCapacity(key.count + 3)
        name.append(contentsOf: "cp:".utf8)
        name.append(contentsOf: key)
        redisKey = name
    }

    private init(reserved name: String) { redisKey = Bytes(name.utf8) }

    /// From a key as it stands in Redis; nil where it is no client's.
    init?(redisKey: Bytes) {
        guard redisKey.starts(with: "cp:".utf8) else { return nil }
        self.redisKey = redisKey
    }

    static let configuration = Register(reserved: "cap:config")
}

/// The commands of the protocol. Every one that touches a register carries group, epoch and, a replica at a time, the
/// incarnation that the configuration names there (rule C8).
struct AcceptorCommands {
    let configuration: GroupConfiguration
    /// Group and epoch.
    private let shared: [Bytes]
    /// By replica: the incarnation expected there.
    private let tails: [[Bytes]]

    init(group: Bytes, configuration: GroupConfiguration) {
        self.configuration = configuration
        tails = configuration.members.map { [$0.incarnation] }
        shared = [group, decimal(configuration.epoch)]
    }

    func prepare(_ register: Register, _ ballot: Ballot) -> Command {
        member(ConsistentScripts.prepare, register, [ballot.text])
    }

    func accept(_ register: Register, _ ballot: Ballot, _ state: RegisterState) -> Command {
        member(
            ConsistentScripts.accept, register,
            [
                ballot.text, ballot.next.text, decimal(state.version), state.value,
                state.isDeleted ? Self.one : Self.zero, state.expiresMs.map { Bytes(String($0).utf8) } ?? [],
                state.writersText, decimal(state.since),
            ])
    }

    func member(_ script: Script, _ register: Register, _ words: [Bytes]) -> Command {
        Command(.step(script, key: register.redisKey, shared: shared), arguments: words, tailCount: 1) {
            [tails] in tails[$0]
        }
    }

    private static let zero = Bytes("0".utf8)
    private static let one = Bytes("1".utf8)

    // MARK: Commands that need no configuration

    /// The plain read of a record; guarded, its reply is `[fields, identity]`.
    static func read(_ register: Register) -> Command {
        Command(.plain([hmget, register.redisKey]), arguments: readFields, checksIdentity: true)
    }

    private static let hmget = Bytes("HMGET".utf8)
    private static let readFields = ["ballot", "version", "value", "deleted", "expires_ms"].map { Bytes($0.utf8) }
}

private func decimal(_ value: UInt64) -> Bytes {
    value < 10 ? digits[Int(value)] : Bytes(decimal: value)
}

private let digits: [Bytes] = (0..<10).map { [48 + UInt8($0)] }
