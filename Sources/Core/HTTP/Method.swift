/// A request method (RFC 9110, section 9). Methods are case-sensitive: `get` and `GET` differ.
public struct Method: Hashable, Sendable {
    public let name: String

    public init(_ name: String) { self.name = name }

    public static let get = Method("GET")
    public static let head = Method("HEAD")
    public static let post = Method("POST")
    public static let put = Method("PUT")
    public static let delete = Method("DELETE")
    public static let options = Method("OPTIONS")

    /// The client does not request a change (RFC 9110, section 9.2.1).
    public var isSafe: Bool { self == .get || self == .head || self == .options }
}
