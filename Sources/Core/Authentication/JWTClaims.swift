import JWTKit

/// The claims of a JSON Web Token (RFC 7519, section 4). A claim of an unexpected type is kept, so that it is
/// distinguished from a missing one.
struct JWTClaims: JWTPayload {
    enum Value: Codable, Sendable, Equatable {
        case text(String)
        case number(Double)
        case list([String])
        case other

        init(from decoder: any Decoder) throws {
            guard let container = try? decoder.singleValueContainer() else {
                self = .other
                return
            }
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let number = try? container.decode(Double.self) {
                self = .number(number)
            } else if let list = try? container.decode([String].self) {
                self = .list(list)
            } else {
                self = .other
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            case .list(let list): try container.encode(list)
            case .other: try container.encodeNil()
            }
        }
    }

    private let values: [String: Value]

    init(_ values: [String: Value]) { self.values = values }
    init(from decoder: any Decoder) throws { values = try [String: Value](from: decoder) }
    func encode(to encoder: any Encoder) throws { try values.encode(to: encoder) }

    /// Required by the protocol, but not used: ``JWTVerifier`` checks the claims.
    func verify(using algorithm: some JWTAlgorithm) async throws {}

    subscript(_ name: String) -> Value? { values[name] }

    func text(_ name: String) -> String? {
        if case .text(let text) = values[name] { text } else { nil }
    }

    /// The texts of a claim that is one text or a list of texts; empty for any other claim.
    func texts(_ name: String) -> [String] {
        switch values[name] {
        case .text(let text): [text]
        case .list(let list): list
        default: []
        }
    }

    /// A time in seconds since 1970 (RFC 7519, "NumericDate").
    func time(_ name: String) -> Double? {
        if case .number(let seconds) = values[name], seconds.isFinite { seconds } else { nil }
    }
}
