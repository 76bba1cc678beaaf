#if HIREDIS_SSL
    import CHiredis
    import Glibc

    /// Makes TLS sessions by OpenSSL, which hiredis' TLS library uses. Verifies the certificate of the replica, and
    /// that it is for the replica's host. Reads the files again for the first session after they have changed.
    final class OpenSSLConnector: TLSConnector {
        private let host: String
        private let files: RedisTLSFiles
        private var loaded: (context: OpaquePointer, versions: [FileVersion])?

        /// - Parameter host: a name or an IP address, which the certificate of the replica must contain.
        init(host: String, files: RedisTLSFiles) {
            self.host = host
            self.files = files
        }

        deinit { if let loaded { Self.free(loaded.context) } }

        func newSession() throws(RedisTLSError) -> any TLSSession {
            // Read the versions first: a file that changes while it is read has another version at the next session.
            let versions = [files.authorities, files.certificate, files.key].map(FileVersion.init)
            if loaded?.versions != versions {
                let context = try Self.newContext(files)
                if let loaded { Self.free(loaded.context) }
                loaded = (context, versions)
            }
            guard let context = loaded?.context, let session = OpenSSLSession(context, host: host) else {
                throw RedisTLSError(role: nil, problem: "out of memory")
            }
            return session
        }

        // MARK: Reading the files

        /// Reads the files. The caller must ``free(_:)`` the result.
        static func newContext(_ files: RedisTLSFiles) throws(RedisTLSError) -> OpaquePointer {
            guard let context = SSL_CTX_new(TLS_client_method()), chiredis_require_tls_1_2(context) == 1 else {
                throw RedisTLSError(role: nil, problem: "OpenSSL cannot be used")
            }
            do throws(RedisTLSError) {
                SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
                chiredis_allow_partial_writes(context)
                // Without this function, OpenSSL asks for the password of a key on the terminal.
                SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
                try load(files, into: context)
            } catch {
                SSL_CTX_free(context)
                throw error
            }
            return context
        }

        static func free(_ context: OpaquePointer) { SSL_CTX_free(context) }

        private static func load(_ files: RedisTLSFiles, into context: OpaquePointer) throws(RedisTLSError) {
            if let path = files.authorities {
                try check(path, .authorities)
                try require(
                    SSL_CTX_load_verify_locations(context, path, nil), .authorities, "has no certificate as PEM")
            } else {
                try require(SSL_CTX_set_default_verify_paths(context), nil, "the system's authorities cannot be read")
            }
            if let path = files.certificate {
                try check(path, .certificate)
                try require(
                    SSL_CTX_use_certificate_chain_file(context, path), .certificate, "has no certificate as PEM")
            }
            if let path = files.key {
                try check(path, .key)
                // Also compares the key with the certificate.
                try require(
                    SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM), .key,
                    "has no private key of the certificate as PEM, or one with a password")
            }
        }

        private static func check(_ path: String, _ role: RedisTLSFiles.Role) throws(RedisTLSError) {
            guard access(path, R_OK) == 0 else { throw RedisTLSError(role: role, problem: "cannot be read") }
        }

        private static func require(
            _ status: Int32, _ role: RedisTLSFiles.Role?, _ problem: String
        ) throws(RedisTLSError) {
            guard status != 1 else { return }
            ERR_clear_error()
            throw RedisTLSError(role: role, problem: problem)
        }
    }

    /// Distinguishes the versions of a file without reading it.
    private struct FileVersion: Equatable {
        private var device: UInt = 0
        private var inode: UInt = 0
        private var byteCount = 0
        private var modified: [Int] = []

        /// - Parameter path: nil, like a file that does not exist, has one version.
        init(_ path: String?) {
            var status = stat()
            guard let path, stat(path, &status) == 0 else { return }
            device = UInt(status.st_dev)
            inode = UInt(status.st_ino)
            byteCount = Int(status.st_size)
            modified = [status.st_mtim, status.st_ctim].flatMap { [Int($0.tv_sec), Int($0.tv_nsec)] }
        }
    }
#endif
