/// The members of a JSON Web Token's header that decide (RFC 7515, section 4.1). Any other member is skipped without
/// being decoded: anybody can send one.
struct JWTHead: Decodable {
    let algorithm: String
    let keyID: String?
    /// Extensions that must be understood; this project knows none.
    let hasCriticalExtensions: Bool
    /// A token for another purpose than access has another type, or none (RFC 8725, section 3.11).
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
