import CHiredis

/// Makes the TLS sessions of the connections to one replica.
protocol TLSConnector: AnyObject {
    /// - Throws: ``RedisTLSError`` if a file cannot be used.
    func newSession() throws(RedisTLSError) -> any TLSSession
}

/// TLS on one connection. hiredis reads and writes through the session after ``start(on:)``.
protocol TLSSession: AnyObject {
    /// Begins the handshake on an established TCP connection. The reads and writes of hiredis continue it, and send no
    /// command before it has verified the replica.
    ///
    /// - Returns: the reason if it failed at once.
    func start(on context: UnsafeMutablePointer<redisAsyncContext>) -> LinkFailure?

    /// False until the handshake has verified the replica.
    var isEstablished: Bool { get }

    /// Must precede each call of hiredis that reads or writes.
    func willCall()

    /// The failure of the last call. Nil if the cause is not TLS.
    func failure() -> LinkFailure?

    /// True if the last call stopped because it could not write. A read also writes, for example to change keys.
    var waitsToWrite: Bool { get }

    /// True if the last call stopped because nothing has arrived. A write also reads, for example in the handshake.
    var waitsToRead: Bool { get }

    /// True if bytes have been decrypted that hiredis has not read yet. The descriptor is not readable because of them.
    var hasDecryptedBytes: Bool { get }
}
