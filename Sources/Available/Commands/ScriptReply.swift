import Replication

/// What a script answered: its own words, or one of the refusals that all scripts share. Nothing was changed by a refusal.
enum ScriptReply {
    /// `OK` or another word of the script, with all elements of the reply.
    case answer(word: Bytes, elements: [Reply])
    /// The replica's fence had passed, or its clock was set back: its clock as it is now.
    case late(steps: Bytes, nowUs: Int64)
    /// The replica has another incarnation, or none.
    case notMember
    /// An error of Redis, e.g. `WRONGTYPE` or `NOSCRIPT`. Our scripts check before they write.
    case error(String)

    init(_ reply: Reply) {
        switch reply {
        case .error(let text): self = .error(Reply.summary(ofError: text))
        case .array(let elements):
            guard case .bulk(let word)? = elements.first else {
                self = .error("ERR unexpected reply")
                return
            }
            if word.elementsEqual("NOTMEMBER".utf8) {
                self = .notMember
            } else if word.elementsEqual("LATE".utf8) {
                guard let steps = reply[1]?.bytes, let nowUs = reply[2]?.number else {
                    self = .error("ERR unexpected reply")
                    return
                }
                self = .late(steps: steps, nowUs: nowUs)
            } else {
                self = .answer(word: word, elements: elements)
            }
        default: self = .error("ERR unexpected reply")
        }
    }

    /// The elements of an `OK`, else nil.
    var ok: [Reply]? {
        if case .answer(let word, let elements) = self, word.elementsEqual("OK".utf8) { elements } else { nil }
    }

    var isNoScript: Bool {
        if case .error(let text) = self { text.hasPrefix("NOSCRIPT") } else { false }
    }
}

extension Reply {
    /// A number of our scripts: a time, an hlc, a count. Nil where it is negative or no double can count it, so that no
    /// stray reply makes arithmetic overflow.
    var number: Int64? {
        guard let value = int64, (0..<1 << 53).contains(value) else { return nil }
        return value
    }

    var count: UInt64? { number.map { UInt64($0) } }
}
