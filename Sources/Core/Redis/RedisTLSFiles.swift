/// The files for TLS to the replicas whose URL begins with `rediss://`.
public struct RedisTLSFiles: Sendable, Equatable {
    /// The purpose of a file.
    public enum Role: Sendable, CaseIterable {
        case authorities
        case certificate
        case key
    }

    /// Certificates of the authorities that may sign the certificate of a replica, as PEM. Nil: those that the system
    /// trusts.
    public var authorities: String?
    /// The certificate that this service presents, followed by the intermediate certificates, as PEM. Nil for none.
    public var certificate: String?
    /// The private key of the certificate, as PEM without a password.
    public var key: String?

    public init(authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }

    /// Reads the files, to find a mistake at the start. Does nothing if ``RedisEndpoint/supportsTLS`` is false.
    ///
    /// - Throws: ``RedisTLSError`` for the first invalid file.
    public func check() throws(RedisTLSError) {
        #if HIREDIS_SSL
            OpenSSLConnector.free(try OpenSSLConnector.newContext(self))
        #endif
    }
}

/// A file for TLS that cannot be used.
public struct RedisTLSError: Error, CustomStringConvertible, Equatable {
    /// Nil if no file is the cause.
    public let role: RedisTLSFiles.Role?
    /// The end of a sentence that begins with the name of the file's setting, or a whole one without a file.
    public let problem: String

    public var description: String {
        switch role {
        case .authorities: "the file of authorities \(problem)"
        case .certificate: "the file of the client certificate \(problem)"
        case .key: "the file of the client key \(problem)"
        case nil: problem
        }
    }
}
