/// What a request asks of its session: that reads show the session's own writes, and never less than it has read before.
public struct SessionRequest: Sendable, Equatable {
    /// The token of the session's last answer; nil where the request belongs to none.
    public var token: String?
    /// Refuse with `session_unmet` rather than answer without the guarantee.
    public var isRequired = false

    public init() {}
}

/// What an answer says of its session.
public struct SessionAnswer: Sendable, Equatable {
    /// Takes the place of the request's token.
    public var token: String?
    /// Nil where the request had no token: there was nothing to guarantee.
    public var isGuaranteed: Bool?

    public init() {}
}
