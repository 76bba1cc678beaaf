import Replication

extension RegisterState {
    /// Parses the fields `version, value, deleted, expires_ms, writers, evicted_at` of a record. The last two may be
    /// missing, because a read in one round trip does not request them. Nil if another field is missing, or if a field
    /// is malformed: then another program wrote the record.
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
        evictedAt = 0
        guard fields.count >= 6 else { return }
        guard let text = fields[start + 4].bytes, let writers = Self.writers(from: text),
            let evictedAt = Self.version(fields[start + 5])
        else { return nil }
        self.writers = writers
        self.evictedAt = evictedAt
    }

    /// Parses a version of at most 53 bits. Larger numbers are not exact in Redis' Lua, nor in the JSON parsers of many
    /// clients.
    private static func version(_ field: Reply) -> UInt64? {
        guard let number = field.int64, (0..<1 << 53).contains(number) else { return nil }
        return UInt64(number)
    }

    /// The field `writers`: one `<proposer>:<batch number>:<attempt>` per entry, separated by commas.
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

    /// Nil if the text is not a ``writersText``.
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
}
