import HTTP
import Resilience

/// The tokens and keys with which a service verifies bearer tokens.
public struct Credentials: Sendable {
    let tokens: TokenList
    let verifier: JWTVerifier?

    /// - Parameter rules: required if there are `keys`; without rules, the keys are ignored.
    public init(tokens: TokenList, keys: JWTKeys = .none, rules: JWTRules? = nil) {
        self.tokens = tokens
        verifier = keys.isEmpty ? nil : rules.map { JWTVerifier(keys, $0) }
    }
}

/// Identifies the sender of a request by its bearer token (RFC 6750).
///
/// Confined to one thread. Verified tokens are cached, so that most requests cost one look-up.
public final class Authenticator {
    public enum Answer: Equatable {
        case principal(Principal)
        /// The request has no token.
        case missing
        /// - reason: the end of a sentence that begins with "the token".
        case rejected(reason: String)
        /// Too many wrong tokens came from this address, or from all addresses. An unknown token is not verified for
        /// now.
        case throttled
    }

    private struct Verified {
        let principal: Principal
        /// Seconds since 1970; nil for a token that is valid until the credentials change.
        let expiresS: Int64?
    }

    private var credentials: Credentials
    /// The cache. A key is the value of an `Authorization` field, always spelled `Bearer TOKEN`.
    private var verified: [String: Verified] = [:]
    private var failures: [ClientAddress: RateLimiter] = [:]
    private var allFailures = RateLimiter(ratePerS: Authenticator.maxAllFailuresPerS)
    private let maxVerified: Int
    private let nowS: () -> Int64

    static let maxAddresses = 1_024
    /// The most wrong tokens per second from one address. They are limited, because verifying a signature takes about
    /// 0.1 ms for each key that may have signed the token.
    static let maxFailuresPerS: UInt64 = 50
    /// The most wrong tokens per second from all addresses together.
    static let maxAllFailuresPerS: UInt64 = 1_000

    var verifiedCount: Int { verified.count }

    /// - Parameters:
    ///   - maxVerified: the most verified tokens that are cached.
    ///   - nowS: the wall clock, in seconds since 1970.
    public init(_ credentials: Credentials, maxVerified: Int = 4_096, nowS: @escaping () -> Int64) {
        self.credentials = credentials
        self.maxVerified = maxVerified
        self.nowS = nowS
    }

    /// Replaces the credentials and empties the cache, so that tokens that are no longer valid are rejected from now
    /// on.
    public func replace(_ credentials: Credentials) {
        self.credentials = credentials
        verified = [:]
    }

    /// - Parameters:
    ///   - authorization: the value of the `Authorization` field; nil if there is none.
    ///   - nowNs: the time on a monotonic clock. The clock is not read for a token that was already verified.
    public func authenticate(
        _ authorization: String?, from client: ClientAddress, atNs nowNs: @autoclosure () -> UInt64
    ) -> Answer {
        guard let authorization else { return .missing }
        if let principal = verifiedPrincipal(authorization) { return .principal(principal) }
        guard let token = Self.bearerToken(authorization) else {
            return .rejected(reason: "must be sent as: Authorization: Bearer TOKEN")
        }
        // The field may have another spelling than the cached one.
        if let principal = verifiedPrincipal("Bearer \(token)") { return .principal(principal) }
        if let principal = credentials.tokens.principal(of: token) {
            return remember(token, Verified(principal: principal, expiresS: nil))
        }
        let nowNs = nowNs()
        guard mayFail(client, atNs: nowNs) else { return .throttled }
        guard let verifier = credentials.verifier, token.contains(".") else {
            noteFailure(client, atNs: nowNs)
            return .rejected(reason: "is not known")
        }
        do throws(CredentialsError) {
            let (principal, expiresS) = try verifier.verify(token, atS: nowS())
            return remember(token, Verified(principal: principal, expiresS: expiresS))
        } catch {
            noteFailure(client, atNs: nowNs)
            return .rejected(reason: error.description)
        }
    }

    /// The principal of a token that was already verified and has not expired; otherwise nil.
    private func verifiedPrincipal(_ authorization: String) -> Principal? {
        guard let known = verified[authorization] else { return nil }
        if known.expiresS.map({ nowS() < $0 }) ?? true { return known.principal }
        verified[authorization] = nil
        return nil
    }

    /// The scheme is accepted in any case (RFC 9110, section 11.1).
    private static func bearerToken(_ authorization: String) -> Substring? {
        let parts = authorization.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return parts[1]
    }

    private func remember(_ token: Substring, _ result: Verified) -> Answer {
        // Evict any token: it is verified again when it is used again.
        if verified.count >= maxVerified, let any = verified.keys.first { verified[any] = nil }
        verified["Bearer \(token)"] = result
        return .principal(result.principal)
    }

    // MARK: Wrong tokens

    private func mayFail(_ client: ClientAddress, atNs nowNs: UInt64) -> Bool {
        var (own, all) = (failures[client], allFailures)
        return own?.take(atNs: nowNs) ?? true && all.take(atNs: nowNs)
    }

    private func noteFailure(_ client: ClientAddress, atNs nowNs: UInt64) {
        if failures.count >= Self.maxAddresses, failures[client] == nil, let any = failures.keys.first {
            failures[any] = nil
        }
        _ = allFailures.take(atNs: nowNs)
        _ = failures[client, default: RateLimiter(ratePerS: Self.maxFailuresPerS)].take(atNs: nowNs)
    }
}
