import Glibc

/// A request method (RFC 9110, section 9). Methods are case-sensitive: `get` and `GET` differ.
public enum Method: Hashable, Sendable {
    case get, head, post, put, delete, options
    case other(String)

    public init(_ name: String) {
        self =
            switch name {
            case "GET": .get
            case "HEAD": .head
            case "POST": .post
            case "PUT": .put
            case "DELETE": .delete
            case "OPTIONS": .options
            default: .other(name)
            }
    }

    public var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other(let name): name
        }
    }

    /// The client does not request a change (RFC 9110, section 9.2.1).
    public var isSafe: Bool {
        switch self {
        case .get, .head, .options: true
        default: false
        }
    }
}

extension Method {
    /// Makes no `String` for the usual methods.
    init(cString name: UnsafePointer<CChar>) {
        switch name[0] {
        case 71 where strcmp(name, "GET") == 0: self = .get
        case 80 where strcmp(name, "POST") == 0: self = .post
        case 72 where strcmp(name, "HEAD") == 0: self = .head
        case 68 where strcmp(name, "DELETE") == 0: self = .delete
        default: self.init(String(cString: name))
        }
    }
}
