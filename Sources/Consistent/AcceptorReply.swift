import Replication

/// An acceptor's answer to `prepare` or `accept`, as the proposer counts it.
enum AcceptorReply: Equatable {
    /// Promised; the state it had accepted, at which ballot (``Ballot/zero`` for none).
    case promised(Ballot, RegisterState)
    case accepted
    /// It has promised or accepted a higher ballot.
    case rejected(Ballot)
    /// It has seen a higher epoch.
    case stale
    /// It is blank, foreign, of another incarnation, or being rebuilt.
    case notMember
    /// It did not know the script, and so ran nothing.
    case noScript
    /// Anything else, with its text: a server error, or a record that another program wrote to.
    case failed(String)

    init(prepare reply: Reply) {
        guard case .array(let fields) = reply, fields.count >= 7 else {
            self.init(common: reply)
            return
        }
        if let word = fields[0].text, word == "STALE" || word == "NOTMEMBER" {
            self.init(common: reply)
            return
        }
        guard let state = RegisterState(fields: fields[1...]) else {
            self = .failed("the record is not of the form that this program writes")
            return
        }
        if fields[0].isNull {
            self = .promised(.zero, state)
        } else if let text = fields[0].bytes, let ballot = Ballot(text: text) {
            self = .promised(ballot, state)
        } else {
            self = .failed("the record's ballot is not one")
        }
    }

    init(accept reply: Reply) {
        if case .integer(1) = reply { self = .accepted } else { self.init(common: reply) }
    }

    private init(common reply: Reply) {
        switch reply {
        case .error(let text) where text.hasPrefix("NOSCRIPT"): self = .noScript
        case .error(let text): self = .failed(Reply.summary(ofError: text))
        default:
            switch reply[0]?.text {
            case "REJECTED":
                self = reply[1]?.bytes.flatMap(Ballot.init(text:)).map(Self.rejected) ?? .failed("bad ballot")
            case "STALE": self = .stale
            case "NOTMEMBER": self = .notMember
            default: self = .failed("unexpected kind of reply")
            }
        }
    }

    /// The acceptor certainly did nothing: the only replies after which "not applied" may be said (rule C7).
    var isRefusal: Bool {
        switch self {
        case .rejected, .stale, .notMember, .noScript: true
        case .promised, .accepted, .failed: false
        }
    }
}
