import Replication

/// An acceptor's reply to `prepare` or `accept`.
enum AcceptorReply: Equatable {
    /// The acceptor promised the ballot. The values are the ballot and the state that it accepted last. If it has
    /// accepted none, the ballot is ``Ballot/zero``, and the state is absent with the version of the GC watermark.
    case promised(Ballot, RegisterState)
    case accepted
    /// The acceptor has already promised or accepted this higher ballot. For a key without a record, this is the ballot
    /// of the GC watermark.
    case rejected(Ballot)
    /// The acceptor has seen a higher epoch than that of the command.
    case stale
    /// The replica is not the expected member: it is blank, of another group, of another incarnation, or being rebuilt.
    case notMember
    /// The replica had not loaded the script, and ran nothing.
    case noScript
    /// Any other reply: a server error, or a record that another program wrote.
    case failed(ServerError)

    init(prepare reply: Reply) {
        guard case .array(let fields) = reply, fields.count >= 7 else {
            self.init(common: reply)
            return
        }
        guard let state = RegisterState(fields: fields[1...]) else {
            self = .failed(.malformed("the record is not of the form that this program writes"))
            return
        }
        if fields[0].isNull {
            self = .promised(.zero, state)
        } else if let text = fields[0].bytes, let ballot = Ballot(text: text) {
            self = .promised(ballot, state)
        } else {
            self = .failed(.malformed("the record's ballot is malformed"))
        }
    }

    init(accept reply: Reply) {
        if case .integer(1) = reply { self = .accepted } else { self.init(common: reply) }
    }

    private init(common reply: Reply) {
        if let error = reply.error {
            self = error.kind == .noScript ? .noScript : .failed(error)
            return
        }
        switch reply[0]?.text {
        case "REJECTED":
            self = reply[1]?.bytes.flatMap(Ballot.init(text:)).map(Self.rejected) ?? .failed(.malformed("bad ballot"))
        case "STALE": self = .stale
        case "NOTMEMBER": self = .notMember
        default: self = .failed(.malformed("unexpected kind of reply"))
        }
    }

    /// True if the acceptor certainly did nothing. Once an accept was sent, the outcome `not_applied` requires such a
    /// reply from each replica that the accept was sent to (rule C7).
    var isRejection: Bool {
        switch self {
        case .rejected, .stale, .notMember, .noScript: true
        case .promised, .accepted, .failed: false
        }
    }
}

/// The record of one register at one replica, without its value: the reply to `inspect`.
enum RecordSummary: Equatable {
    case absent
    case accepted(Ballot, isDeleted: Bool, expiresMs: Int64?)
    /// The replica did not answer, answered with an error, or rejected the command.
    case unknown

    init(_ reply: Reply?) {
        guard case .array(let fields)? = reply, fields.count == 3 else {
            self = .unknown
            return
        }
        if fields[0].isNull {
            self = .absent
        } else if let ballot = fields[0].bytes.flatMap(Ballot.init(text:)) {
            self = .accepted(ballot, isDeleted: fields[1].bytes == [UInt8(ascii: "1")], expiresMs: fields[2].int64)
        } else {
            self = .unknown
        }
    }

    /// The ballot of the accepted state; ``Ballot/zero`` if there is no record, nil for ``unknown``.
    var ballot: Ballot? {
        switch self {
        case .absent: .zero
        case .accepted(let ballot, _, _): ballot
        case .unknown: nil
        }
    }
}
