import CGnuTLS

/// The handshakes in progress, and the credentials that new ones use.
final class TLSHandshakes {
    /// Versions 1.2 and 1.3, forward secrecy, authenticated ciphers, no SHA-1 (RFC 9325, sections 3.1 and 4.2).
    static let priorities = """
        NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:\
        -CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1
        """

    /// The credentials of new handshakes. A handshake in progress keeps those with which it began.
    var credentials: TLSCredentials
    /// Called once for each handshake that ended.
    var onResult: (HandshakeResult) -> Void = { _ in }
    private var open: FairShare

    /// - Parameter limit: the most handshakes at once, except for those of trusted proxies. One client address gets
    ///   half of them if it is alone.
    init(credentials: TLSCredentials, limit: Int) {
        self.credentials = credentials
        open = FairShare(total: limit)
    }

    func hasRoom(for client: ClientAddress) -> Bool { open.fits(1, for: client) }

    /// False for a client address without a handshake in progress.
    func holdsAny(_ client: ClientAddress) -> Bool { open.holds(client) }

    func begin(for client: ClientAddress) { open.take(1, for: client) }

    func end(for client: ClientAddress, _ result: HandshakeResult) {
        open.release(1, for: client)
        onResult(result)
    }
}
