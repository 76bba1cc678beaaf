import Replication

/// The reply of `put` for one change.
enum PutReply {
    /// The replica stores the change now, or already did. Contains the record as it is now.
    case applied(Applied)
    /// The key to delete does not exist: nothing was written.
    case absent(vector: Bytes)
    case tooManySiblings(Int64)
    /// The replica refused the change: nothing was written.
    case refused(ScriptReply)
    /// The reply cannot be read. The change may have been applied.
    case unreadable

    struct Applied {
        /// `cap:hlc` after the script run, which is needed to acknowledge the hints of the change.
        var hlc: UInt64
        var vector: Bytes
        /// The vector of the record that this change replaced as a whole; nil if it did not, or if that is unknown.
        var replaced: Bytes?
        var existed: Bool
        var nowUs: Int64
        /// The record's siblings: dot and packed sibling, alternating.
        var siblings: [Bytes]
        /// All concurrent values if there is more than one, otherwise empty. The one with the highest dot is first.
        var conflicts: [Bytes?] = []
        /// The values that a write without a context replaced, newest first. The newest itself is left out: an
        /// overwrite is meant to replace that one. Empty if there was only one value. An entry is nil for a tombstone.
        var overwritten: [Bytes?] = []
    }

    /// - Parameters:
    ///   - packed: the sibling that was sent.
    ///   - actor: the coordinator's actor, which is part of the new dot.
    init(_ reply: Reply, packed: Bytes, actor: Bytes) {
        if let line = reply.bytes ?? reply[0]?.bytes, let head = Head(line) {
            self = head.applied(reply, packed: packed, actor: actor).map { .applied($0) } ?? .unreadable
            return
        }
        let script = ScriptReply(reply)
        switch (reply, script) {
        case (.error, _), (_, .late), (_, .notMember): self = .refused(script)
        case (_, .answer(let status, _)) where status.elementsEqual("ABSENT".utf8):
            self = reply[1]?.bytes.map { .absent(vector: $0) } ?? .unreadable
        case (_, .answer(let status, _)) where status.elementsEqual("TOOMANY".utf8):
            self = .tooManySiblings(reply[1]?.number ?? 0)
        default: self = .unreadable
        }
    }

    /// The first line of a reply: `OK <hlc> <replaced> <expires_ms> <now> <vector>`, or with `SAME` instead of `OK`.
    private struct Head {
        let isNew: Bool
        let hlc: UInt64
        /// 0: no live value was replaced. Above 1: the change replaced a whole record that only this actor had written,
        /// and this is that record's hlc. 1: all other cases.
        let replaced: ArraySlice<UInt8>
        let expiresMs: Int64
        let nowUs: Int64
        let vector: Bytes

        init?(_ line: Bytes) {
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5, omittingEmptySubsequences: false)
            guard fields.count == 6, let hlc = Int64(decimal: fields[1]), let expiresMs = Int64(decimal: fields[3]),
                let nowUs = Int64(decimal: fields[4]), min(hlc, expiresMs, nowUs) >= 0
            else { return nil }
            isNew = fields[0].elementsEqual("OK".utf8)
            guard isNew || fields[0].elementsEqual("SAME".utf8), !fields[2].isEmpty else { return nil }
            self.hlc = UInt64(hlc)
            replaced = fields[2]
            self.expiresMs = expiresMs
            self.nowUs = nowUs
            vector = Bytes(fields[5])
        }

        /// The applied change; nil if the rest of `reply` cannot be read.
        func applied(_ reply: Reply, packed: Bytes, actor: Bytes) -> Applied? {
            let alone = lone(packed: packed, actor: actor)
            guard let elements = reply.array else { return isNew ? alone : nil }
            guard let others = elements.dropFirst().first.flatMap(byteStrings), others.count.isMultiple(of: 2) else {
                return nil
            }
            var applied = alone
            applied.siblings = isNew ? others + alone.siblings : others
            applied.replaced = nil
            guard let conflicts = conflicts(applied.siblings, nowMs: nowUs / 1_000) else { return nil }
            applied.conflicts = conflicts
            guard isNew else { return applied }
            guard let overwritten = elements.dropFirst(2).first.flatMap(byteStrings) else { return nil }
            applied.overwritten = overwritten.map { packed in
                Sibling(packed: packed).flatMap { $0.isTombstone ? nil : $0.value }
            }
            return applied
        }

        /// The record if the new sibling is its only one.
        private func lone(packed: Bytes, actor: Bytes) -> Applied {
            Applied(
                hlc: hlc, vector: vector, replaced: replaced.count > 1 ? actor + [UInt8(ascii: "=")] + replaced : nil,
                existed: replaced.first != UInt8(ascii: "0"), nowUs: nowUs,
                siblings: [Dot(actor: actor, hlc: hlc).text, dated(packed)])
        }

        /// The sibling as the coordinator stored it, with its expiry by the coordinator's clock.
        private func dated(_ packed: Bytes) -> Bytes {
            guard expiresMs != 0 else { return packed }
            let head = Sibling.writeIdCount + 2
            return packed[..<head] + Bytes(decimal: UInt64(expiresMs)) + packed[head...]
        }

        private func conflicts(_ alternating: [Bytes], nowMs: Int64) -> [Bytes?]? {
            guard alternating.count > 2 else { return [] }
            var siblings: [(dot: Dot, sibling: Sibling)] = []
            for index in stride(from: 0, to: alternating.count, by: 2) {
                guard let dot = Dot(text: alternating[index]), let sibling = Sibling(packed: alternating[index + 1])
                else {
                    return nil
                }
                siblings.append((dot, sibling))
            }
            return Record.view(of: siblings, atMs: nowMs).conflicts
        }

        private func byteStrings(_ reply: Reply) -> [Bytes]? {
            guard let elements = reply.array else { return nil }
            var strings: [Bytes] = []
            strings.reserveCapacity(elements.count + 2)
            for element in elements {
                guard let bytes = element.bytes else { return nil }
                strings.append(bytes)
            }
            return strings
        }
    }
}
