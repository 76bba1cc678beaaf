import Replication

/// Changes in a session. If the vector of the change fits into the token, the token of the answer covers it. So the
/// session reads its own writes (rule A9).
struct SessionWriter {
    let coordinator: Coordinator
    let tokenChecks: SessionTokenChecks

    func change(_ request: ChangeRequest) async throws(AvailableFailure) -> ChangeResult {
        guard var token = try tokenChecks.token(of: request.session, outcome: .notApplied) else {
            return try await coordinator.change(request)
        }
        let canNote = token.canNote(request.key)
        guard canNote || !request.session.isRequired else {
            throw SessionTokenChecks.unmet("The session's token has no room for this key.", outcome: .notApplied)
        }
        let seen = Self.seen(of: request.key, token)
        var result: ChangeResult
        do {
            result = try await coordinator.change(request, seen: seen)
        } catch {
            guard let applied = error.applied else { throw error }
            // The change is applied although too few replicas acknowledged it, so it is part of what the session has
            // written.
            var failure = error
            failure.applied?.session = noted(applied.version, &token, request.key)
            throw failure
        }
        // A delete that found nothing shows that the key is absent, as a read would. So it must cover what the session
        // has seen.
        let isMet =
            result.existed || request.kind != .delete || tokenChecks.covers(result.version, request.key, seen)
        guard isMet || !request.session.isRequired else {
            throw SessionTokenChecks.unmet(
                "No reachable replica finds anything to delete, and they lack some of what the session has seen.",
                outcome: .notApplied)
        }
        result.session = noted(result.version, &token, request.key)
        if !isMet { result.session.isGuaranteed = false }
        return result
    }

    /// The vector that the session has seen of `key`; empty if the token does not list the key.
    private static func seen(of key: Bytes, _ token: SessionToken) -> VersionVector {
        guard case .upTo(let text) = token.seen(of: key) else { return VersionVector() }
        return VersionVector(text: text) ?? VersionVector()
    }

    /// Records in the token that the session made a change with the result `version`.
    private func noted(_ version: String, _ token: inout SessionToken, _ key: Bytes) -> SessionAnswer {
        if let vector = tokenChecks.vector(of: version, key) { token.note(key, vector) }
        var answer = SessionAnswer()
        answer.token = tokenChecks.text(token)
        answer.isGuaranteed = token.canNote(key)
        return answer
    }
}
