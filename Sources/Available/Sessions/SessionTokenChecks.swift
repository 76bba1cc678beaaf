import Replication

/// Checks the session token of a request, and compares contexts with it. Encodes the token of the answer (rule A9).
struct SessionTokenChecks {
    let signer: SessionSigner
    let contexts: ContextCache

    /// - Parameter outcome: the outcome of the change if the token is invalid; nil for a read.
    /// - Returns: nil if the request belongs to no session.
    func token(of session: SessionRequest, outcome: Outcome?) throws(AvailableFailure) -> SessionToken? {
        guard let text = session.token else {
            guard !session.isRequired else {
                throw Self.unmet("A session is required, and the request carries no token.", outcome: outcome)
            }
            return nil
        }
        guard let token = signer.token(text) else { throw Self.badToken(outcome) }
        return token
    }

    func text(_ token: SessionToken) -> String { signer.text(token) }

    /// The vector of the context `version`, as text; nil if it is not a valid context for `key`.
    func vector(of version: String, _ key: Bytes) -> Bytes? { contexts.vector(of: version, key: key) }

    func covers(_ version: String, _ key: Bytes, _ seen: VersionVector) -> Bool {
        vector(of: version, key).flatMap { VersionVector(text: $0) }?.covers(seen) ?? false
    }

    static func badToken(_ outcome: Outcome?) -> AvailableFailure {
        AvailableFailure(.badToken, "The session token was not issued by this group.", outcome: outcome)
    }

    static func unmet(_ detail: String, outcome: Outcome? = nil) -> AvailableFailure {
        AvailableFailure(.sessionUnmet, detail, outcome: outcome)
    }
}
