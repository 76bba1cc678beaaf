import Replication

/// The scripts and commands by which instances look after the members of their group; they need no configuration.
enum MemberCommands {
    static let scripts = [
        observeScript, adoptScript, promoteScript, beatScript, copyScript, eraseScript, raiseScript,
    ]

    private static let observeScript = Script(name: "observe", source: PackageResources.observe_lua)
    private static let adoptScript = Script(name: "adopt", source: PackageResources.adopt_lua)
    private static let promoteScript = Script(
        name: "promote", source: PackageResources.ballot_lua + PackageResources.promote_lua)
    private static let beatScript = Script(name: "beat", source: PackageResources.beat_lua)
    private static let copyScript = Script(name: "copy", source: PackageResources.copy_lua)
    private static let eraseScript = Script(name: "erase", source: PackageResources.erase_lua)
    private static let raiseScript = Script(name: "raise", source: PackageResources.raise_lua)

    private static let keys = [Bytes("cap:identity".utf8)]

    /// Read after every guarded read: whether the replica was who we took it for (rule C8).
    static var identityGuard: Command {
        Command(.plain((["HMGET", "cap:identity"] + ReplicaIdentity.fieldNames).map { Bytes($0.utf8) }))
    }

    static func look() -> Command { Command(.script(observeScript, keys: keys)) }

    static func info() -> Command { .plain("INFO") }

    static func appendSettings() -> Command { .plain("CONFIG", "GET", "*append*") }

    /// - Parameter incarnations: freshly drawn, by replica.
    static func adopt(group: Bytes, names: [String], incarnations: [Bytes]) -> Command {
        Command(.script(adoptScript, keys: keys), arguments: [group], tailCount: 2) {
            [Bytes(names[$0].utf8), incarnations[$0]]
        }
    }

    /// - Parameter beats: those of the other members.
    static func promote(
        _ configuration: GroupConfiguration, floor: Ballot? = nil, versionFloor: UInt64 = 0,
        beats: [(incarnation: Bytes, beat: UInt64)] = []
    ) -> Command {
        let others = words(of: beats)
        return Command(.script(promoteScript, keys: keys), tailCount: 4 + others.count) { replica in
            let incarnation = configuration.members[replica].incarnation
            let epoch = Bytes(decimal: configuration.epoch)
            return [incarnation, epoch, floor?.text ?? [], Bytes(decimal: versionFloor)] + others
        }
    }

    private static func words(of beats: [(incarnation: Bytes, beat: UInt64)]) -> [Bytes] {
        beats.flatMap { [$0.incarnation, Bytes(decimal: $0.beat)] }
    }

    /// - Parameter incarnations: those expected, by replica.
    static func beat(group: Bytes, incarnations: [Bytes]) -> Command {
        Command(.script(beatScript, keys: keys), arguments: [group], tailCount: 1) { [incarnations[$0]] }
    }

    static func copy(group: Bytes, to incarnation: Bytes, beats: [(incarnation: Bytes, beat: UInt64)]) -> Command {
        Command(.script(copyScript, keys: keys), arguments: [group, incarnation] + words(of: beats))
    }

    static func erase(_ incarnation: Bytes, beat: UInt64) -> Command {
        Command(.script(eraseScript, keys: keys), arguments: [incarnation, Bytes(decimal: beat)])
    }

    static func raise(group: Bytes, to configuration: GroupConfiguration) -> Command {
        Command(.script(raiseScript, keys: keys), arguments: [group], tailCount: 2) { replica in
            [configuration.members[replica].incarnation, Bytes(decimal: configuration.epoch)]
        }
    }
}
