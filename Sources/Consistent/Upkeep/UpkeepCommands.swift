import Replication

/// The scripts and commands of background work on registers; those that touch one carry group, incarnation and epoch as
/// every round does.
enum UpkeepCommands {
    static let scripts = [inspectScript, collectScript]

    private static let inspectScript = Script(
        name: "inspect", source: ConsistentScripts.onMembers + PackageResources.inspect_lua, isBatchable: true)
    private static let collectScript = Script(
        name: "collect", source: ConsistentScripts.onMembers + PackageResources.collect_lua, isBatchable: true)

    static func inspect(_ register: Register, by commands: AcceptorCommands) -> Command {
        commands.member(inspectScript, register, [])
    }

    static func collect(_ register: Register, _ ballot: Ballot, by commands: AcceptorCommands) -> Command {
        commands.member(collectScript, register, [ballot.text])
    }

    /// The whole record; guarded.
    static func record(_ register: Register) -> Command {
        let fields = ["ballot", "version", "value", "deleted", "expires_ms", "writers", "since"]
        return Command(
            .plain([Bytes("HMGET".utf8), register.redisKey]), arguments: fields.map { Bytes($0.utf8) },
            checksIdentity: true)
    }

    /// One page of the keys of clients; guarded, so that a page of a replica that was wiped meanwhile does not count.
    static func page(from cursor: Bytes, count: Int) -> Command {
        let words = ["SCAN"].map { Bytes($0.utf8) } + [cursor]
        let options = ["MATCH", "cp:*", "COUNT", String(count)].map { Bytes($0.utf8) }
        return Command(.plain(words), arguments: options, checksIdentity: true)
    }
}

/// What one replica holds of one register, without its value.
enum Holding: Equatable {
    case nothing
    case state(Ballot, isDeleted: Bool, expiresMs: Int64?)
    /// It did not answer, or does not take part.
    case unknown

    init(_ reply: Reply?) {
        guard case .array(let fields)? = reply, fields.count == 3 else {
            self = .unknown
            return
        }
        if fields[0].isNull {
            self = .nothing
        } else if let ballot = fields[0].bytes.flatMap(Ballot.init(text:)) {
            self = .state(
                ballot, isDeleted: fields[1].bytes == [UInt8(ascii: "1")], expiresMs: fields[2].int64)
        } else {
            self = .unknown
        }
    }

    /// ``Ballot/zero`` where nothing is held; nil where that is not known.
    var ballot: Ballot? {
        switch self {
        case .nothing: .zero
        case .state(let ballot, _, _): ballot
        case .unknown: nil
        }
    }
}
