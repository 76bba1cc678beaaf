/// The members of a JSON Web Token's header that the verifier uses (RFC 7515, section 4.1). Any other member is skipped
/// without being decoded, because the header is not verified yet.
struct JWTHead: Decodable {
    let algorithm: String
    let keyID: String?
    /// Whether the token has extensions that its recipient must understand; this project supports none.
    let hasCriticalExtensions: Bool
    /// Whether the type is absent, or that of an access token. A token for another purpose should have another type
    /// (RFC 8725, section 3.11).
    let isAccessToken: Bool

    private enum Name: String, CodingKey {
        case alg, kid, crit, typ
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Name.self)
        algorithm = try members.decode(String.self, forKey: .alg)
        keyID = try members.decodeIfPresent(String.self, forKey: .kid)
        hasCriticalExtensions = members.contains(.crit)
        let type = try members.decodeIfPresent(String.self, forKey: .typ)?.lowercased() ?? "jwt"
        isAccessToken = ["jwt", "at+jwt", "application/at+jwt"].contains(type)
    }
}
