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
        /// Values that the change dropped unseen, newest first, packed.
        var superseded: [Bytes]
    }

    /// - Parameters:
    ///   - packed: the sibling that was sent.
    ///   - actor: the coordinator's, to name the new dot.
    init(_ reply: Reply, packed: Bytes, actor: Bytes) {
        let script = ScriptReply(reply)
        guard case .answer(let word, let elements) = script else {
            self = .refused(script)
            return
        }
        switch word.first {
        case UInt8(ascii: "O"), UInt8(ascii: "S"):
            guard let applied = Self.applied(elements, packed: packed, actor: actor, isNew: word.count == 2) else {
                break
            }
            self = .applied(applied)
            return
        case UInt8(ascii: "A"):
            guard elements.count > 1, let vector = elements[1].bytes else { break }
            self = .absent(vector: vector)
            return
        case UInt8(ascii: "T"):
            self = .tooManySiblings(reply[1]?.number ?? 0)
            return
        default: break
        }
        self = .refused(.error("ERR unexpected reply"))
    }

    private static func applied(_ elements: [Reply], packed: Bytes, actor: Bytes, isNew: Bool) -> Applied? {
        guard elements.count >= 6, let hlc = elements[1].count, let vector = elements[2].bytes,
            let existed = elements[3].number, let expiresMs = elements[4].number, let nowUs = elements[5].number
        else { return nil }
        var applied = Applied(
            hlc: hlc, vector: vector, existed: existed != 0, nowUs: nowUs, siblings: [], superseded: [])
        if elements.count > 6 {
            guard let others = byteStrings(elements[6]) else { return nil }
            applied.siblings = others
        }
        guard isNew else {
            // A delete is written only where there is something to delete: an earlier attempt found it.
            applied.existed = true
            return applied
        }
        if elements.count > 7 {
            guard let superseded = byteStrings(elements[7]) else { return nil }
            applied.superseded = superseded
        }
        applied.siblings.append(Dot(actor: actor, hlc: hlc).text)
        applied.siblings.append(expiresMs == 0 ? packed : Self.packed(packed, expiresMs: expiresMs))
        return applied
    }

    /// The sibling as the coordinator stored it, with the expiry that it reckoned.
    private static func packed(_ packed: Bytes, expiresMs: Int64) -> Bytes {
        let head = Sibling.writeIdCount + 2
        return packed[..<head] + Bytes(decimal: UInt64(expiresMs)) + packed[head...]
    }

    private static func byteStrings(_ reply: Reply) -> [Bytes]? {
        guard let elements = reply.array else { return nil }
        if elements.isEmpty { return [] }
        var strings: [Bytes] = []
        strings.reserveCapacity(elements.count)
        for element in elements {
            guard let bytes = element.bytes else { return nil }
            strings.append(bytes)
        }
        return strings
    }
}
