import Replication

/// What a register holds: the value that CASPaxos agrees on, one per key.
struct RegisterState: Equatable, Sendable {
    /// Empty where ``isDeleted``.
    var value: Bytes
    /// Counts the changes of the key; never repeats, also not across delete and collection. The ETag.
    var version: UInt64
    /// A tombstone, or a key that never was.
    var isDeleted: Bool
    /// Wall-clock milliseconds after which the first proposer to notice commits the tombstone; nil for never.
    var expiresMs: Int64?
    /// The proposers that changed the state most recently, oldest first, with their last batch (rule C6).
    var writers: [Writer]
    /// The version after the batch that last pushed an entry out of ``writers``: a batch whose base is older may have been
    /// in the state and have left no trace.
    var since: UInt64

    /// One proposer's last batch that changed the state.
    struct Writer: Equatable, Sendable {
        var proposer: UInt64
        var number: UInt64
        var attempt: UInt64
    }

    static let maxWriters = 16

    /// A key without a record. `floor` is the highest version that may have been used before it was collected.
    static func absent(floor: UInt64) -> RegisterState {
        RegisterState(value: [], version: floor, isDeleted: true, expiresMs: nil, writers: [], since: floor)
    }

    /// The entry of a proposer's batch, whichever attempt of it is in this chain of states.
    func entry(of proposer: UInt64, number: UInt64) -> Writer? {
        writers.first { $0.proposer == proposer && $0.number == number }
    }

    /// Notes that a batch of `proposer` made this state.
    mutating func recordWriter(_ writer: Writer) {
        writers.removeAll { $0.proposer == writer.proposer }
        writers.append(writer)
        while writers.count > Self.maxWriters {
            writers.removeFirst()
            since = version
        }
    }

    func isExpired(atMs nowMs: Int64) -> Bool {
        guard !isDeleted, let expiresMs else { return false }
        return nowMs >= expiresMs
    }
}

extension RegisterState {
    /// `<proposer>:<number>:<attempt>`, separated by commas.
    var writersText: Bytes {
        var text = Bytes()
        text.reserveCapacity(writers.count * 24)
        for writer in writers {
            if !text.isEmpty { text.append(UInt8(ascii: ",")) }
            text.append(hexadecimal: writer.proposer)
            text.append(UInt8(ascii: ":"))
            text.append(decimal: writer.number)
            text.append(UInt8(ascii: ":"))
            text.append(decimal: writer.attempt)
        }
        return text
    }

    /// Nil where the text is not what ``writersText`` gives.
    static func writers(from text: Bytes) -> [Writer]? {
        var writers: [Writer] = []
        for entry in text.split(separator: UInt8(ascii: ",")) {
            let parts = entry.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard parts.count == 3, let proposer = UInt64(hexadecimal: parts[0]),
                let number = Int64(decimal: parts[1]), let attempt = Int64(decimal: parts[2]), number >= 0, attempt >= 0
            else { return nil }
            writers.append(Writer(proposer: proposer, number: UInt64(number), attempt: UInt64(attempt)))
        }
        return writers
    }

    /// From the fields `version, value, deleted, expires_ms, writers, since` of a record; the last two may be left out by
    /// a read. Nil where a field is missing or not of its form: somebody else wrote it.
    init?(fields: ArraySlice<Reply>) {
        let start = fields.startIndex
        guard fields.count >= 4, let version = Self.version(fields[start]),
            let value = fields[start + 1].bytes, let deleted = fields[start + 2].bytes,
            let expires = fields[start + 3].bytes
        else { return nil }
        self.version = version
        self.value = value
        isDeleted = deleted == [UInt8(ascii: "1")]
        if expires.isEmpty {
            expiresMs = nil
        } else {
            guard let milliseconds = Int64(decimal: expires) else { return nil }
            expiresMs = milliseconds
        }
        writers = []
        since = 0
        guard fields.count >= 6 else { return }
        guard let text = fields[start + 4].bytes, let writers = Self.writers(from: text),
            let since = Self.version(fields[start + 5])
        else { return nil }
        self.writers = writers
        self.since = since
    }

    /// Above 53 bits neither Redis' Lua nor a client's JSON can tell a version from the next.
    private static func version(_ field: Reply) -> UInt64? {
        guard let number = field.int64, (0..<1 << 53).contains(number) else { return nil }
        return UInt64(number)
    }
}
