import Replication

/// The reply to a plain read that returns the replica's incarnation with the data (rule A2).
enum IdentifiedReply {
    case expected(Reply)
    case error(ServerError)
    /// Another incarnation answered, or the reply cannot be read. The replica must be admitted again.
    case other

    /// - Parameter incarnation: the expected incarnation; nil if the replica is not admitted.
    init(_ reply: Reply?, from incarnation: Bytes?) {
        if let incarnation, case .array(let pair)? = reply, pair.count == 2, case .bulk(let own) = pair[1],
            own == incarnation
        {
            self = .expected(pair[0])
        } else {
            self = reply?.error.map { .error($0) } ?? .other
        }
    }
}
