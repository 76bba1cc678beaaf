import Replication

@testable import Consistent
@testable import Simulator

/// The scripts of `app-cp` on records that another program wrote, and with any arguments.
///
/// A script may return an error, but it changes no other keys. A record that cannot be read does not disturb the others
/// of a call, and what was accepted can be read.
final class CPScriptsTarget: FuzzTarget {
    private let lua = LuaHost(mutations: [])
    private static let shared = ["cp", "3", "0011223344556677"].map { Bytes($0.utf8) }
    private static let hostile = Bytes("cp:hostile".utf8)
    private static let good = Bytes("cp:good".utf8)

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        var server = HostileRedis()
        server.set(
            "cap:identity",
            [
                ("group", "cp"), ("replica", "g1"), ("incarnation", "0011223344556677"), ("state", "member"),
                ("epoch", "3"), ("rollback_counter", "4"),
            ])
        server.set("foreign", [("a", "b")])
        server.add(Self.hostile, &input, field: Self.field)
        switch input.below(3) {
        case 0: try checkAnyCall(&input, &server)
        case 1: try checkBallots(&input, server)
        default: try checkGoodNeighbour(&input, &server)
        }
    }

    private func run(_ script: Script, _ keys: [Bytes], _ arguments: [Bytes], on server: HostileRedis) -> Reply {
        lua.run(script.source, keys: keys, arguments: arguments, on: server.redis)
    }

    // MARK: Draws

    private static let names = [
        "promise", "ballot", "version", "value", "deleted", "expires_ms", "writers", "evicted_at", "x",
    ]
    private static let values = [
        "5:0011223344556677", "9:ffffffffffffffff", "4503599627370495:0000000000000000", "0:0000000000000000", "", "0",
        "1", "7", "x", ":", "5:", "5:00112233445566zz", "0x5:0011223344556677", "1e3:0011223344556677", "nan", "-1",
        "9007199254740991", "9007199254740992", "99999999999999999999", "0011223344556677:1:1", ",", "1.5", " 5",
    ]

    private static func value(_ input: inout FuzzInput) -> Bytes {
        input.below(8) == 0 ? input.bytes(atMost: 24) : Bytes(input.pick(values).utf8)
    }

    private static func field(_ input: inout FuzzInput) -> (Bytes, Bytes) {
        (Bytes(input.pick(names).utf8), value(&input))
    }

    // MARK: Any call

    private func checkAnyCall(_ input: inout FuzzInput, _ server: inout HostileRedis) throws(Finding) {
        let state = ["cap:identity", "cap:gc_ballot", "cap:gc_version", "cap:config", "cap:rollback_counters"]
        for _ in 0..<input.below(4) {
            server.add(Bytes(input.pick(state).utf8), &input) { input in
                let names = ["group", "incarnation", "state", "epoch", "rollback_counter", "value", "a"]
                return (Bytes(input.pick(names).utf8), Self.argument(&input))
            }
            if input.bool() { server.redis.set(Bytes(input.pick(state).utf8), .string(Self.value(&input))) }
        }
        let script = input.pick(ConsistentScripts.all)
        let keys = Array([Self.hostile, Self.good, Self.hostile].prefix(input.below(4)))
        var arguments = (0..<input.below(20)).map { _ in Self.argument(&input) }
        if input.below(4) > 0 { arguments = Self.shared + arguments }
        // `erase` empties the replica.
        server.noteOthers(but: keys, own: script == ConsistentScripts.erase ? ["cap:", "cp:"] : ["cap:"])
        let reply = run(script, keys, arguments, on: server)
        try server.requireOthersUnchanged(script.name)
        _ = (AcceptorReply(prepare: reply), AcceptorReply(accept: reply), RecordSummary(reply), GCWatermark(reply))
        _ = ReplicaObservation(reply, group: Bytes("cp".utf8), name: "g1")
    }

    private static func argument(_ input: inout FuzzInput) -> Bytes {
        switch input.below(3) {
        case 0: Bytes(input.pick(["cp", "g1", "3", "4", "0011223344556677", "member", "rebuilding", "0", ""]).utf8)
        default: value(&input)
        }
    }

    // MARK: Ballots

    /// Scripts and engine order ballots in the same way.
    private func checkBallots(_ input: inout FuzzInput, _ server: HostileRedis) throws(Finding) {
        let ballots = (0..<2).map { _ in
            Ballot(
                counter: input.bool() ? UInt64(input.below(4)) : input.number() >> 12,
                proposer: input.bool() ? UInt64(input.below(4)) << (8 * UInt64(input.below(8))) : input.number())
        }
        let prelude = PackageResources.prelude_ballot_lua
        let reply = lua.run(
            prelude + Bytes("return isBelow(ARGV[1], ARGV[2]) and 1 or 0".utf8), keys: [],
            arguments: ballots.map(\.text), on: server.redis)
        try require(reply == .integer(ballots[0] < ballots[1] ? 1 : 0), "\(ballots) are ordered as \(reply)")
    }

    // MARK: A call with a good register beside the hostile one

    private func checkGoodNeighbour(_ input: inout FuzzInput, _ server: inout HostileRedis) throws(Finding) {
        let isHostileFirst = input.bool()
        let keys = isHostileFirst ? [Self.hostile, Self.good] : [Self.good, Self.hostile]
        let place = isHostileFirst ? 1 : 0
        let ballot = Ballot(counter: UInt64(input.below(12)), proposer: input.number())
        let state = RegisterState(
            value: Bytes("v".utf8), version: 7, isDeleted: input.bool(), expiresMs: input.bool() ? 9 : nil,
            writers: [], evictedAt: 0)
        let commands = AcceptorCommands(
            group: Self.shared[0],
            configuration: GroupConfiguration(
                epoch: 3, entries: [.init(name: "g1", incarnation: Self.shared[2], isVoter: true)]))
        server.noteOthers(but: keys, own: ["cap:"])
        let register = Register(key: Bytes("good".utf8))
        let command: Command
        switch input.below(4) {
        case 0: command = commands.prepare(register, ballot, isDelete: input.bool())
        case 1: command = commands.accept(register, ballot, state)
        case 2: command = commands.inspect(register)
        default: command = commands.collect(register, ballot)
        }
        guard case .step(let script, _, _) = command.verb else { throw Finding("a command that is no step") }
        let reply = run(script, keys, Self.shared + command.arguments + command.arguments, on: server)
        try server.requireOthersUnchanged(script.name)
        let ofGood = reply[place] ?? reply
        try require(ofGood.error == nil && reply.array?.count == 2, "\(script.name) of a good key is \(reply)")
        if script == ConsistentScripts.prepare || script == ConsistentScripts.prepareDelete {
            guard case .promised = AcceptorReply(prepare: ofGood) else {
                throw Finding("prepare of a good key is \(ofGood)")
            }
        }
        guard script == ConsistentScripts.accept || script == ConsistentScripts.acceptTombstone else { return }
        for (index, key) in keys.enumerated() where AcceptorReply(accept: reply[index] ?? .null) == .accepted {
            let next = Ballot(counter: ballot.counter + 2, proposer: 0)
            let arguments = Self.shared + commands.prepare(register, next, isDelete: false).arguments
            let found = run(ConsistentScripts.prepare, [key], arguments, on: server)[0] ?? .null
            // A hostile record may hold a higher promise.
            if case .rejected = AcceptorReply(prepare: found) { continue }
            // A repetition of the hostile record's own ballot stores nothing.
            if key == Self.hostile, case .promised(ballot, _) = AcceptorReply(prepare: found) { continue }
            try require(
                AcceptorReply(prepare: found) == .promised(ballot, state), "\(quoted(key)) accepted \(state): \(found)")
        }
    }
}
