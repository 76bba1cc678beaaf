import Replication

/// The reply of `put` for one change.
enum PutReply {
    /// The change is stored (or was already): the record as it is now.
    case applied(Applied)
    /// A delete of what is not there: nothing was written.
    case absent(vector: Bytes)
    case tooManySiblings(Int64)
    case refused(ScriptReply)

    struct Applied {
        /// `cap:hlc` of the step, with which its hints are acknowledged.
        var hlc: UInt64
        var vector: Bytes
        /// The vector of the record that it replaced as a whole; nil if it did not, or that is unknown.
        var before: Bytes?
        var existed: Bool
        var nowUs: Int64
        /// The record's siblings: dot and packed sibling, alternating.
        var siblings: [Bytes]
        /// All concurrent values, the winner first, if there is more than one.
        var conflicts: [Bytes?] = []
        /// Values that the change overwrote without having seen them, newest first; nil for a delete.
        var overwritten: [Bytes?] = []
    }

    /// - Parameters:
    ///   - packed: the sibling that was sent.
    ///   - actor: of the coordinator, which names the new dot.
    init(_ reply: Reply, packed: Bytes, actor: Bytes) {
        switch reply {
        case .bulk(let line):
            guard let head = Head(line), head.isNew else { break }
            self = .applied(head.applied(packed: packed, actor: actor))
            return
        case .array(let elements):
            if let first = elements.first?.bytes, let head = Head(first) {
                guard let applied = Self.applied(head, elements, packed: packed, actor: actor) else { break }
                self = .applied(applied)
                return
            }
            let script = ScriptReply(reply)
            guard case .answer(let status, _) = script else {
                self = .refused(script)
                return
            }
            if status.elementsEqual("ABSENT".utf8), let vector = reply[1]?.bytes {
                self = .absent(vector: vector)
                return
            }
            if status.elementsEqual("TOOMANY".utf8) {
                self = .tooManySiblings(reply[1]?.number ?? 0)
                return
            }
        default:
            self = .refused(ScriptReply(reply))
            return
        }
        self = .refused(.error("ERR unexpected reply"))
    }

    /// `OK <hlc> <before> <expires_ms> <now> <vector>`, or with `SAME`.
    private struct Head {
        let isNew: Bool
        let hlc: UInt64
        /// 0 for nothing; the hlc of the one sibling that it replaced, if that was this actor's alone; else 1.
        let before: ArraySlice<UInt8>
        let expiresMs: Int64
        let nowUs: Int64
        let vector: Bytes

        init?(_ line: Bytes) {
            var fields = Fields(line)
            let status = fields.next()
            isNew = status.elementsEqual("OK".utf8)
            guard isNew || status.elementsEqual("SAME".utf8), let hlc = fields.number() else { return nil }
            before = fields.next()
            guard !before.isEmpty, let expiresMs = fields.number(), let nowUs = fields.number() else { return nil }
            self.hlc = UInt64(hlc)
            self.expiresMs = expiresMs
            self.nowUs = nowUs
            vector = Bytes(fields.rest)
        }

        /// Reads a line field by field.
        private struct Fields {
            private(set) var rest: ArraySlice<UInt8>

            init(_ line: Bytes) { rest = line[...] }

            mutating func next() -> ArraySlice<UInt8> {
                let end = rest.firstIndex(of: UInt8(ascii: " ")) ?? rest.endIndex
                defer { rest = rest[min(end + 1, rest.endIndex)...] }
                return rest[..<end]
            }

            mutating func number() -> Int64? {
                guard let number = Int64(decimal: next()), number >= 0 else { return nil }
                return number
            }
        }

        /// The record if the new sibling is the only one.
        func applied(packed: Bytes, actor: Bytes) -> Applied {
            Applied(
                hlc: hlc, vector: vector, before: before.count > 1 ? Self.joined(actor, "=", before) : nil,
                existed: before.first != UInt8(ascii: "0"), nowUs: nowUs,
                siblings: [Dot(actor: actor, hlc: hlc).text, dated(packed)])
        }

        private static func joined(_ actor: Bytes, _ mark: Unicode.Scalar, _ digits: ArraySlice<UInt8>) -> Bytes {
            var joined = Bytes()
            joined.reserveCapacity(actor.count + 1 + digits.count)
            joined += actor
            joined.append(UInt8(ascii: mark))
            joined += digits
            return joined
        }

        /// The sibling as the coordinator stored it, with the expiry that it computed.
        private func dated(_ packed: Bytes) -> Bytes {
            guard expiresMs != 0 else { return packed }
            let head = Sibling.writeIdCount + 2
            return packed[..<head] + Bytes(decimal: UInt64(expiresMs)) + packed[head...]
        }
    }

    private static func applied(_ head: Head, _ elements: [Reply], packed: Bytes, actor: Bytes) -> Applied? {
        guard elements.count > 1, let others = byteStrings(elements[1]), others.count.isMultiple(of: 2) else {
            return nil
        }
        var applied = head.applied(packed: packed, actor: actor)
        applied.siblings = head.isNew ? others + applied.siblings : others
        applied.before = nil
        guard let conflicts = conflicts(applied.siblings, nowMs: head.nowUs / 1_000) else { return nil }
        applied.conflicts = conflicts
        guard head.isNew else { return applied }
        guard elements.count > 2, let overwritten = byteStrings(elements[2]) else { return nil }
        applied.overwritten = overwritten.map { packed in
            Sibling(packed: packed).flatMap { $0.isTombstone ? nil : $0.value }
        }
        return applied
    }

    private static func conflicts(_ alternating: [Bytes], nowMs: Int64) -> [Bytes?]? {
        guard alternating.count > 2 else { return [] }
        var siblings: [(dot: Dot, sibling: Sibling)] = []
        for index in stride(from: 0, to: alternating.count, by: 2) {
            guard let dot = Dot(text: alternating[index]), let sibling = Sibling(packed: alternating[index + 1]) else {
                return nil
            }
            siblings.append((dot, sibling))
        }
        return Record.view(of: siblings, atMs: nowMs).conflicts
    }

    private static func byteStrings(_ reply: Reply) -> [Bytes]? {
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
