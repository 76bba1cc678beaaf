import FoundationEssentials

/// Any JSON, read without knowing its shape beforehand.
enum JSONValue: Decodable, Equatable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// - Returns: nil where the text is no JSON.
    init?(_ text: String) {
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) else { return nil }
        self = value
    }

    subscript(name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    var text: String? {
        switch self {
        case .string(let value): value
        case .number(let value): Int64(exactly: value).map { "\($0)" } ?? "\(value)"
        case .bool(let value): "\(value)"
        case .null, .array, .object: nil
        }
    }

    var number: Double? {
        if case .number(let value) = self { value } else { nil }
    }

    var isTrue: Bool { self == .bool(true) }

    /// Of an object.
    var members: [String: JSONValue] {
        if case .object(let members) = self { members } else { [:] }
    }

    var elements: [JSONValue] {
        if case .array(let values) = self { values } else { [] }
    }
}
