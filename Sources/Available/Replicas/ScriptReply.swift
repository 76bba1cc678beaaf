import Replication

/// The reply of a script: its own answer, or one of the refusals that all scripts share. A script that refuses changes
/// no record.
enum ScriptReply {
    /// A status, the first word of the reply, such as `OK`; and all elements of the reply.
    case answer(status: Bytes, elements: [Reply])
    /// The deadline fence had passed, or the replica's clock was set back. Contains the clock as it is now.
    case late(epoch: Bytes, nowUs: Int64)
    /// The replica has another incarnation, or none.
    case notMember
    /// An error of Redis, e.g. `WRONGTYPE` or `NOSCRIPT`. No record was changed before it. If the memory is full,
    /// `merge` does not fail with an error but returns an `answer` (rule A4).
    case error(ServerError)

    init(_ reply: Reply) {
        switch reply {
        case .error(let text): self = .error(ServerError(text))
        case .array(let elements):
            guard case .bulk(let status)? = elements.first else {
                self = .error(.malformed("unexpected kind of reply"))
                return
            }
            if status.elementsEqual("NOTMEMBER".utf8) {
                self = .notMember
            } else if status.elementsEqual("LATE".utf8) {
                guard let epoch = reply[1]?.bytes, let nowUs = reply[2]?.number else {
                    self = .error(.malformed("unexpected kind of reply"))
                    return
                }
                self = .late(epoch: epoch, nowUs: nowUs)
            } else {
                self = .answer(status: status, elements: elements)
            }
        default: self = .error(.malformed("unexpected kind of reply"))
        }
    }

    /// The elements of an `OK` reply, else nil.
    var ok: [Reply]? {
        if case .answer(let status, let elements) = self, status.elementsEqual("OK".utf8) { elements } else { nil }
    }

    /// The error if it concerns the whole replica and not one key, so that the replica would reject any change.
    var errorOfReplica: String? {
        guard case .error(let error) = self, ![.noScript, .wrongType].contains(error.kind),
            !error.text.hasPrefix("CLOCK")
        else { return nil }
        return error.text
    }

    var isNoScript: Bool {
        if case .error(let error) = self { error.kind == .noScript } else { false }
    }
}

/// Keys and the vectors of their records, as a replica listed them.
struct RecordPage {
    let keys: [Bytes]
    let vectors: [Bytes]

    /// - Parameter elements: a reply whose first two elements are not part of the list.
    init(_ elements: [Reply]) {
        let pairs = stride(from: 2, to: elements.count - 1, by: 2).compactMap { index in
            elements[index].bytes.flatMap { key in elements[index + 1].bytes.map { (key, $0) } }
        }
        keys = pairs.map(\.0)
        vectors = pairs.map(\.1)
    }
}

extension Reply {
    /// A time, an hlc or a count in a script's reply. Nil if it is negative, or too large to be exact in a double, so
    /// that an unexpected reply cannot make arithmetic overflow.
    var number: Int64? {
        guard let value = int64, (0..<1 << 53).contains(value) else { return nil }
        return value
    }

    var count: UInt64? { number.map { UInt64($0) } }
}
