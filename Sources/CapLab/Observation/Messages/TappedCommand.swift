import Available

/// A command to a replica, interpreted for the page: its step of the protocol, its key and its value.
struct TappedCommand: Equatable {
    /// The step of the protocol, such as `prepare`, `accept`, `put` or `merge`. For a command that is not a script, its
    /// name in lower case.
    var kind: String
    /// True for work that no request waits for, such as probes, leases, membership and anti-entropy.
    var isBackground = false
    /// The client's key; nil if the command has none. In a batch: the chosen key if the batch contains it, else the
    /// first key.
    var key: String?
    /// How many keys the command has.
    var keys = 0
    /// The value of ``key``, if it is a short text.
    var value: String?
    /// The position of ``key`` in a batch.
    var position = 0
    /// True if the reply has a separate element for each key.
    var isBatch = false
    /// The proposer number in the command's ballot: 16 hexadecimal digits.
    var proposer: String?
}

/// Interprets commands, including the calls of the engines' scripts with their arguments.
struct CommandInterpreter {
    /// The most bytes of a value that is shown.
    static let maxValueBytes = 40
    private static let maxKeyBytes = 100
    private static let backgroundScripts: Set = [
        "inspect", "collect", "probe", "adopt", "promote", "erase", "raise_rollback_counter",
        "record_witnessed_counters", "raise_epoch", "read_clock", "count_hints", "record_replication", "list_records",
        "compare_vectors", "clear_hint_overflow", "list_collectable",
    ]
    /// The names on the page of those scripts whose own names are not in the glossary.
    private static let words = [
        "prepare_delete": "prepare", "accept_tombstone": "accept", "raise_rollback_counter": "rollback counter",
        "record_witnessed_counters": "witness", "record_replication": "replicated up to", "read_records": "handoff",
    ]

    private let scripts: ScriptNames

    init(scripts: ScriptNames) { self.scripts = scripts }

    /// - Parameter chosenKey: the key that the page shows.
    /// - Returns: nil if the message is not a command.
    func interpret(_ message: RESPMessage, chosenKey: String) -> TappedCommand? {
        guard let name = message.text(1), message.elements[0].kind == .array else { return nil }
        switch name.uppercased() {
        case "EVALSHA": return script(message, chosenKey)
        case "HGET", "HMGET", "HGETALL":
            if let key = Self.key(message.bytes(2)) { return TappedCommand(kind: "read", key: key, keys: 1) }
            return TappedCommand(kind: "identity", isBackground: true)
        case "SCRIPT": return TappedCommand(kind: "load script", isBackground: true)
        default: return TappedCommand(kind: String(name.prefix(24)).lowercased(), isBackground: true)
        }
    }

    private func script(_ message: RESPMessage, _ chosenKey: String) -> TappedCommand {
        guard let (engine, name) = scripts[message.bytes(2)], let count = message.number(3), count >= 0 else {
            return TappedCommand(kind: "script", isBackground: true)
        }
        let word = Self.words[name] ?? name.replacing("_", with: " ")
        var command = TappedCommand(kind: word, isBackground: Self.backgroundScripts.contains(name), keys: count)
        choose(&command, message, chosenKey)
        // The arguments follow the command's name, the SHA-1, the number of keys, and the keys.
        let arguments = 4 + count
        switch (engine, name) {
        case (.consistent, "prepare"), (.consistent, "prepare_delete"):
            command.isBatch = true
            command.proposer = Self.proposer(message.text(arguments + 3))
        case (.consistent, "accept"):
            command.isBatch = true
            command.proposer = Self.proposer(message.text(arguments + 3))
            let first = arguments + 3 + 8 * command.position
            if message.text(first + 4) == "0" { command.value = Self.value(message, first + 3) }
        case (.consistent, "inspect"), (.consistent, "collect"): command.isBatch = true
        case (.available, "put"):
            command.isBatch = true
            let peers = message.number(arguments + 6) ?? 0
            let sibling = arguments + 7 + max(0, min(peers, 64)) + 5 * command.position
            command.value = Self.sibling(message, sibling)
            if message.bytes(sibling).first == UInt8(ascii: "T") { command.kind = "delete" }
        case (.available, "merge"): command.value = merged(message, arguments, command.position)
        default: break
        }
        // Changes of the configuration use the same scripts, with a key that no client can use. They count as
        // background.
        if command.key == nil { command.isBackground = true }
        return command
    }

    private func choose(_ command: inout TappedCommand, _ message: RESPMessage, _ chosenKey: String) {
        let chosen = Array(chosenKey.utf8)
        for position in 0..<min(command.keys, 128) {
            let bytes = message.bytes(4 + position).dropFirst(3)
            if bytes.elementsEqual(chosen) { command.position = position }
        }
        command.key = command.keys > 0 ? Self.key(message.bytes(4 + command.position)) : nil
    }

    /// The value of the first sibling in the record at `position`; nil if it is a tombstone or was not kept. Each
    /// record has its vector, the vector that it replaced, the number of siblings, and the siblings; see `merge.lua`.
    private func merged(_ message: RESPMessage, _ arguments: Int, _ position: Int) -> String? {
        var first = arguments
        for _ in 0..<position {
            guard let siblings = message.number(first + 2), (0...256).contains(siblings) else { return nil }
            first += 3 + 2 * siblings
        }
        guard let siblings = message.number(first + 2), (1...256).contains(siblings) else { return nil }
        return Self.sibling(message, first + 4)
    }

    // MARK: Elements

    private static func key(_ bytes: ArraySlice<UInt8>) -> String? {
        guard bytes.count > 3, bytes.count <= maxKeyBytes,
            bytes.starts(with: "cp:".utf8) || bytes.starts(with: "ap:".utf8)
        else { return nil }
        return String(validating: bytes.dropFirst(3), as: UTF8.self)
    }

    static func value(_ message: RESPMessage, _ index: Int) -> String? {
        message.text(index).flatMap { $0.utf8.count <= maxValueBytes ? $0 : nil }
    }

    /// The value in a packed sibling; nil for a tombstone, and for a long value.
    static func sibling(_ message: RESPMessage, _ index: Int) -> String? {
        guard message.elements.indices.contains(index), message.elements[index].isWhole,
            let sibling = Sibling(packed: Array(message.bytes(index))), !sibling.isTombstone,
            sibling.value.count <= maxValueBytes
        else { return nil }
        return String(validating: sibling.value, as: UTF8.self)
    }

    private static func proposer(_ ballot: String?) -> String? {
        guard let ballot, let colon = ballot.lastIndex(of: ":"), ballot.utf8.count > 17 else { return nil }
        return String(ballot[ballot.index(after: colon)...])
    }
}
