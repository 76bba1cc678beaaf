import Replication

@testable import Available
@testable import Simulator

/// The scripts of `app-ap` on records that another program wrote, and with any arguments.
///
/// A script may return an error, but it changes no other keys. A record that cannot be read does not disturb the others
/// of a call, and what could be read stays readable.
final class APScriptsTarget: FuzzTarget {
    private let lua = LuaHost(mutations: [])
    private static let incarnation = Bytes("0011223344556677".utf8)
    private static let actor = Bytes("g1.0011223344556677".utf8)
    private static let hostile = Bytes("ap:hostile".utf8)
    private static let good = Bytes("ap:good".utf8)
    private static let peers = ["g2", "g3"].map { Bytes($0.utf8) }

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        var server = HostileRedis()
        server.set(
            "cap:identity",
            [
                ("group", "ap"), ("replica", "g1"), ("incarnation", "0011223344556677"), ("run_id", "run"),
                ("adopted", "1"),
            ])
        server.set("ap:other", [("vv", "g2.x=5"), ("at", "5"), ("g2.x@5", "V0011223344556677::other")])
        server.set("foreign", [("a", "b")])
        server.add(Self.hostile, &input, field: Self.field)
        switch input.below(3) {
        case 0: try checkAnyCall(&input, &server)
        case 1: try checkGoodNeighbour(&input, &server)
        default: try checkMerge(&input, &server)
        }
    }

    private func run(_ script: Script, _ keys: [Bytes], _ arguments: [Bytes], on server: HostileRedis) -> Reply {
        lua.run(script.source, keys: keys, arguments: arguments, on: server.redis)
    }

    // MARK: Draws

    private static let names = [
        "vv", "at", "g1.0011223344556677@5", "g2.x@7", "g2.x@4503599627370496", "g3.y@1", "@5", "x@", "a", "@", "vv@1",
        "g2.x@99999999999999999999", "g 2@5", "g2.x@5@6",
    ]
    private static let values = [
        "V0011223344556677::v", "V0011223344556678:1:v", "V0011223344556679:9999999999999:w", "T001122334455667a::",
        "g2.x=7", "g1.0011223344556677=5", "g1.0011223344556677=5 g2.x=7", "g2.x=", "=", "g2.x=7 g2.x=9", "", "5", "V",
        "1767225500000000", "-1", "1e3", "0x10", "nan", "g1.0011223344556677=x", "g2.x=99999999999999999999",
        "V0011223344556677:99999999999999999999:v", "T", "V0011223344556677:1", "-",
    ]

    private static func value(_ input: inout FuzzInput) -> Bytes {
        input.below(8) == 0 ? input.bytes(atMost: 24) : Bytes(input.pick(values).utf8)
    }

    private static func field(_ input: inout FuzzInput) -> (Bytes, Bytes) {
        (input.below(8) == 0 ? input.bytes(atMost: 12) : Bytes(input.pick(names).utf8), value(&input))
    }

    // MARK: Any call

    private func checkAnyCall(_ input: inout FuzzInput, _ server: inout HostileRedis) throws(Finding) {
        let state = [
            "cap:clock", "cap:clock_epoch", "cap:hlc", "cap:identity", "cap:tombstones", "cap:conflicts",
            "cap:hints:g2", "cap:replicated_up_to", "cap:hint_overflow:g2", "cap:last_anti_entropy",
        ]
        for _ in 0..<input.below(4) {
            server.add(Bytes(input.pick(state).utf8), &input) { input in
                let names = ["incarnation", "adopted", "first", "last", "count", "g2.incarnation", "g2.mark_hlc"]
                return (Bytes(input.pick(names).utf8), Self.value(&input))
            }
            if input.bool() { server.redis.set(Bytes(input.pick(state).utf8), .string(Self.value(&input))) }
        }
        let script = input.pick(AvailableScripts.all)
        let keys = Array([Self.hostile, Self.good, Self.hostile].prefix(input.below(4)))
        var arguments = (0..<input.below(20)).map { _ in Self.argument(&input) }
        if input.below(4) > 0 {
            arguments.append(Self.incarnation)
            arguments.insert(Self.incarnation, at: 0)
        }
        server.noteOthers(but: keys, own: ["cap:"])
        let reply = run(script, keys, arguments, on: server)
        try server.requireOthersUnchanged(script.name)
        _ = (ScriptReply(reply), PutReply(reply, packed: Bytes("V0011223344556677::v".utf8), actor: Self.actor))
    }

    private static func argument(_ input: inout FuzzInput) -> Bytes {
        switch input.below(6) {
        case 0, 1: Bytes(input.pick(["0", "1", "2", "3", "-1", "g2", "g3", "-", "", "first", "again", "full"]).utf8)
        case 2: Bytes(input.pick(["check", "collect", "probe", "1767225600000001", "100", "ap:hostile"]).utf8)
        case 3: Bytes(input.pick(names).utf8)
        default: value(&input)
        }
    }

    // MARK: A call with a good record beside the hostile one

    private func checkGoodNeighbour(_ input: inout FuzzInput, _ server: inout HostileRedis) throws(Finding) {
        let isHostileFirst = input.bool()
        let keys = isHostileFirst ? [Self.hostile, Self.good] : [Self.good, Self.hostile]
        let place = isHostileFirst ? 1 : 0
        let wasReadable = Record(stored: server.fields(of: Self.hostile)) != nil
        let tombstone = [("vv", "g2.x=5"), ("at", "5"), ("g2.x@5", "T0011223344556677::")]
        let vector = Bytes("g2.x=5".utf8)
        let hostileVector = server.redis.field("vv", of: "ap:hostile").map { Bytes($0.utf8) } ?? vector
        let vectors = isHostileFirst ? [hostileVector, vector] : [vector, hostileVector]
        let fence: [Bytes] = [[], [], Self.incarnation]
        server.noteOthers(but: keys, own: ["cap:"])
        var script = AvailableScripts.put
        let reply: Reply
        switch input.below(7) {
        case 0, 1:
            script = input.bool() ? AvailableScripts.put : AvailableScripts.delete
            let kind = script == AvailableScripts.put ? "V" : "T"
            reply = run(script, keys, changes(kind, &input), on: server)
            let isServed =
                switch PutReply(reply[place] ?? reply, packed: Bytes("V0011223344556677::v".utf8), actor: Self.actor) {
                case .applied, .absent: true
                // The clock of this replica is as far as it can get.
                case .refused(.error(let error)): error.text.contains("CLOCK")
                default: false
                }
            try require(isServed, "\(script.name) of a good key is \(reply)")
        case 2:
            script = AvailableScripts.readRecords
            server.set("ap:good", tombstone)
            reply = run(script, keys, [Bytes("1000000".utf8), Self.incarnation], on: server)
            try require(reply[2 + 2 * place]?.bytes == vector, "read_records of a good key is \(reply)")
        case 3:
            script = AvailableScripts.compareVectors
            reply = run(script, keys, vectors + [Self.incarnation], on: server)
            try require(reply.array?.contains(.integer(Int64(place + 1))) == true, "compare_vectors is \(reply)")
        case 4:
            script = AvailableScripts.collect
            server.set("ap:good", tombstone)
            let collect = CollectCommand(mode: .collect, graceUs: Bytes("100".utf8), keys: keys, vectors: vectors)
            let arguments = collect.sharedArguments + collect.arguments(peers: Self.peers, fence: fence)
            reply = run(script, keys, arguments, on: server)
            let positions = (reply.array ?? []).dropFirst(2)
            try require(positions.contains(.integer(Int64(place + 1))), "collect of a good key is \(reply)")
            try require(server.redis.value(Self.good) == nil, "a collected record is still there")
        case 5:
            script = AvailableScripts.listCollectable
            server.set("ap:good", tombstone)
            var members = SortedMembers()
            for (score, key) in keys.enumerated() { _ = members.set(key, score: Double(score)) }
            server.redis.set(Bytes("cap:tombstones".utf8), .sortedSet(members))
            reply = run(script, [], ["100", "0", "10"].map { Bytes($0.utf8) } + fence, on: server)
            try require(RecordPage(reply.array ?? []).keys.contains(Self.good), "list_collectable is \(reply)")
        default:
            script = AvailableScripts.acknowledgeHints
            var members = SortedMembers()
            for key in keys { _ = members.set(key, score: 5) }
            server.redis.set(Bytes("cap:hints:g2".utf8), .sortedSet(members))
            server.set("ap:good", tombstone)
            let arguments = ["1", "g2"].map { Bytes($0.utf8) } + vectors.flatMap { [$0, Bytes("5".utf8)] }
            reply = run(script, keys, arguments + [Self.incarnation], on: server)
            try require(
                !server.redis.members(of: "cap:hints:g2").contains(Self.good), "acknowledge_hints is \(reply)")
        }
        try server.requireOthersUnchanged(script.name)
        guard wasReadable else { return }
        let after = server.fields(of: Self.hostile)
        try require(Record(stored: after) != nil, "\(script.name) made a record unreadable: \(after)")
    }

    /// The arguments of `put` and `delete` for two records.
    private func changes(_ kind: String, _ input: inout FuzzInput) -> [Bytes] {
        let clock = ReplicaClock(incarnation: Self.incarnation, epoch: Bytes("0".utf8), timeUs: 0, receivedNs: 0)
        let shared = PutArguments(
            coordinator: Bytes("g1".utf8), peers: Self.peers, clock: clock,
            siblingLimits: ["32", "1000000"].map { Bytes($0.utf8) }, maxHints: Bytes(input.bool() ? "0".utf8 : "9".utf8)
        ).shared
        let ttl = kind == "T" ? "0" : input.pick(["0", "5000"])
        let context = input.pick(["-", "g2.x=7", "g1.0011223344556677=5 g2.x=9", ""])
        let attempt = input.pick(["first", "again"])
        let change = [
            "\(kind)00112233445566ff::" + (kind == "V" ? "v" : ""), ttl, context, attempt, "9999999999999999",
        ]
        .map { Bytes($0.utf8) }
        return shared + change + change
    }

    // MARK: Merges

    /// `merge` of a good record and one for the hostile key: the good one arrives; and two records that can be read are
    /// joined as ``Record/joined(_:)`` does.
    private func checkMerge(_ input: inout FuzzInput, _ server: inout HostileRedis) throws(Finding) {
        let before = Record(stored: server.fields(of: Self.hostile))
        let vector = server.redis.field("vv", of: "ap:hostile")
        let carried = Self.record(&input)
        let neighbour = Self.record(&input)
        var records = [carried.command(Self.hostile), neighbour.command(Self.good)]
        if input.bool() { records.reverse() }
        var arguments: [Bytes] = []
        for record in records { record.append(to: &arguments) }
        server.noteOthers(but: records.map(\.key), own: ["cap:"])
        let reply = run(
            AvailableScripts.merge, records.map(\.key), arguments + [[], [], Self.incarnation], on: server)
        try server.requireOthersUnchanged("merge")
        try require(ScriptReply(reply).ok != nil, "merge of a good key is \(reply)")
        try require(
            Record(stored: server.fields(of: Self.good)) == neighbour.record, "merge loses a good record: \(reply)")
        guard let before, let vector else { return }
        let after = Record(stored: server.fields(of: Self.hostile))
        try require(after != nil, "merge made a record unreadable")
        let isOwnForm = Self.hasOwnForm(before, vector)
        guard isOwnForm, let after else { return }
        try require(after == before.joined(carried.record), "\(before) and \(carried.record) are joined to \(after)")
    }

    /// The record is one that this program could have written.
    private static func hasOwnForm(_ record: Record, _ vector: String) -> Bool {
        record.vector.text == Bytes(vector.utf8) && record.vector.entries.values.allSatisfy { $0 < 1 << 53 }
            && record.siblings.keys.allSatisfy { record.vector.covers($0) && isActor($0.actor) }
            && record.vector.entries.keys.allSatisfy(isActor)
    }

    private static func isActor(_ actor: Bytes) -> Bool {
        !actor.isEmpty && actor.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "@") }
    }

    private struct Carried {
        let record: Record

        func command(_ key: Bytes) -> CarriedRecord {
            CarriedRecord(
                key: key, vector: record.vector.text,
                siblings: record.siblings.flatMap { [$0.key.text, $0.value.packed] })
        }
    }

    /// A record as this program makes it.
    private static func record(_ input: inout FuzzInput) -> Carried {
        var vector = VersionVector([Bytes("g2.x".utf8): 1 + UInt64(input.below(9))])
        var siblings: [Dot: Sibling] = [:]
        for actor in ["g2.x", "g1.0011223344556677", "g3.y"] where input.bool() || siblings.isEmpty {
            let dot = Dot(actor: Bytes(actor.utf8), hlc: 1 + UInt64(input.below(9)))
            siblings[dot] = Sibling(
                isTombstone: input.bool(), writeId: Bytes(hexadecimal: UInt64(input.byte())), expiresMs: nil, value: [])
            vector = vector.joined(VersionVector([dot.actor: dot.hlc + UInt64(input.below(3))]))
        }
        return Carried(record: Record(vector: vector, siblings: siblings))
    }
}
