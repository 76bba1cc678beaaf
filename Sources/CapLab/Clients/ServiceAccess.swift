import FoundationEssentials
import Glibc
import TLS

/// The credentials of the lab's clients for services that require tokens or serve HTTPS.
struct ServiceAccess: Sendable {
    /// Nil if the services need no token.
    var token: ServiceToken?
    /// Nil if the services serve HTTP.
    var tls: ServiceTLS?
}

/// A bearer token for the services. It comes from a file, because other users can read command lines.
struct ServiceToken: Equatable, Sendable {
    /// The longest file, in bytes: enough for any usual JSON Web Token.
    static let maxBytes = 16 << 10
    static let variable = "CAPLAB_TOKEN_FILE"

    let value: String
    /// The file, for curl.
    let path: String

    /// Reads a token. One line end at the end of the file is not part of it.
    /// - Throws: an error with exit code 2. It contains no part of the token.
    init(path: String) throws(LabError) {
        guard let bytes = try? Data(contentsOf: URL(filePath: path)), bytes.count <= Self.maxBytes,
            let text = String(validating: bytes, as: UTF8.self)
        else { throw LabError("cannot read the token file \(path)", exitCode: 2) }
        let value = text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text
        guard !value.isEmpty, value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw LabError("the token file \(path) does not have one line with a token", exitCode: 2)
        }
        self.value = value
        self.path = Executables.absolute(path)
    }

    /// - Parameter option: the file that a command-line option names; nil: that of ``variable``, if it is set.
    static func read(_ option: String?, _ environment: [String: String]) throws(LabError) -> ServiceToken? {
        let path = option ?? environment[variable].flatMap { $0.isEmpty ? nil : $0 }
        return try path.map { path throws(LabError) in try ServiceToken(path: path) }
    }

    /// The options with which curl sends the token. Single quotes would keep the shell from reading the file.
    static func curlOption(path: String) -> String { "-H \"Authorization: Bearer $(cat '\(path)')\" " }
}

extension ServiceTLS {
    /// Trusts the authorities in a file, as PEM.
    init(authorityPath: String) throws(LabError) {
        guard let pem = try? Data(contentsOf: URL(filePath: authorityPath)),
            let trust = try? TLSClientSession.Credentials(authority: Array(pem))
        else { throw LabError("\(authorityPath) has no certificate of an authority as PEM", exitCode: 2) }
        self.init(trust: trust, authorityPath: Executables.absolute(authorityPath))
    }
}
