import Replication

/// What `put` answered.
enum PutReply {
    /// The change is in (or was already): the record as it now is.
    case applied(Applied)
    /// A delete of what is not there; nothing was written.
    case absent(vector: Bytes)
    case tooManySiblings(Int64)
    case refused(ScriptReply)

    struct Applied {
        /// `cap:hlc` of the step: what strikes the debt off.
        var hlc: UInt64
        var vector: Bytes
        var existed: Bool
        var nowUs: Int64
        /// Dot and packed sibling, alternating: the record's siblings.
        var siblings: [Bytes]
        /// All concurrent values, the winner first, where there is more than one.
        var conflicts: [Bytes?] = []
        /// Values that the change dropped unseen, newest first; nil for a delete.
        var superseded: [Bytes?] = []
    }

    /// - Parameters:
    ///   - packed: the sibling that was sent.
    ///   - actor: the coordinator's, to name the new dot.
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
            guard case .answer(let word, _) = script else {
                self = .refused(script)
                return
            }
            if word.elementsEqual("ABSENT".utf8), let vector = reply[1]?.bytes {
                self = .absent(vector: vector)
                return
            }
            if word.elementsEqual("TOOMANY".utf8) {
                self = .tooManySiblings(reply[1]?.number ?? 0)
                return
            }
        default:
            self = .refused(ScriptReply(reply))
            return
        }
        self = .refused(.error("ERR unexpected reply"))
    }

    /// `OK <hlc> <existed> <expires_ms> <now> <vector>`, or with `SAME`.
    private struct Head {
        let isNew: Bool
        let hlc: UInt64
        let existed: Bool
        let expiresMs: Int64
        let nowUs: Int64
        let vector: Bytes

        init?(_ line: Bytes) {
            let space = UInt8(ascii: " ")
            let words = line.split(separator: space, maxSplits: 5, omittingEmptySubsequences: false)
            guard words.count == 6, let hlc = Int64(decimal: words[1]), let expiresMs = Int64(decimal: words[3]),
                let nowUs = Int64(decimal: words[4]), hlc >= 0, expiresMs >= 0, nowUs >= 0
            else { return nil }
            isNew = words[0].elementsEqual("OK".utf8)
            guard isNew || words[0].elementsEqual("SAME".utf8) else { return nil }
            self.hlc = UInt64(hlc)
            existed = words[2].first != UInt8(ascii: "0")
            self.expiresMs = expiresMs
            self.nowUs = nowUs
            vector = Bytes(words[5])
        }

        /// The record where the new sibling is the only one.
        func applied(packed: Bytes, actor: Bytes) -> Applied {
            Applied(
                hlc: hlc, vector: vector, existed: existed, nowUs: nowUs,
                siblings: [Dot(actor: actor, hlc: hlc).text, dated(packed)])
        }

        /// The sibling as the coordinator stored it, with the expiry that it reckoned.
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
        guard let conflicts = conflicts(applied.siblings, nowMs: head.nowUs / 1_000) else { return nil }
        applied.conflicts = conflicts
        guard head.isNew else { return applied }
        guard elements.count > 2, let superseded = byteStrings(elements[2]) else { return nil }
        applied.superseded = superseded.map { packed in
            Sibling(packed: packed).flatMap { $0.isTombstone ? nil : $0.value }
        }
        return applied
    }

    private static func conflicts(_ words: [Bytes], nowMs: Int64) -> [Bytes?]? {
        guard words.count > 2 else { return [] }
        var siblings: [(dot: Dot, sibling: Sibling)] = []
        for index in stride(from: 0, to: words.count, by: 2) {
            guard let dot = Dot(text: words[index]), let sibling = Sibling(packed: words[index + 1]) else { return nil }
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
