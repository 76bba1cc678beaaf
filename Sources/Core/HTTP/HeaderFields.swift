import CMicroHTTPD
import Glibc

/// One header field.
public struct Header: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The header fields of a request. They are read from the connection while it exists, so that unread fields cost
/// nothing. They are saved when the client disconnects, so that a precondition is never silently lost.
enum HeaderFields {
    case connection(OpaquePointer)
    case saved([Header])

    func value(_ name: String) -> String? {
        switch self {
        case .connection(let connection):
            return Self.lookUp(name, in: connection)
        case .saved(let headers):
            var joined: String?
            for header in headers where Self.isSame(header.name, name) {
                joined = joined.map { "\($0), \(header.value)" } ?? header.value
            }
            return joined
        }
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        strcasecmp(left, right) == 0
    }

    private struct Search {
        let name: UnsafePointer<CChar>
        var value: String?
    }

    private static func lookUp(_ name: String, in connection: OpaquePointer) -> String? {
        name.withCString { name in
            var search = Search(name: name, value: nil)
            withUnsafeMutablePointer(to: &search) { search in
                _ = MHD_get_connection_values_n(
                    connection, .HEADER_KIND,
                    { context, _, key, _, value, count in
                        let search = context!.assumingMemoryBound(to: Search.self)
                        guard let key, strcasecmp(key, search.pointee.name) == 0 else { return .YES }
                        let found = HeaderFields.text(value, count)
                        search.pointee.value = search.pointee.value.map { "\($0), \(found)" } ?? found
                        return .YES
                    }, search)
            }
            return search.value
        }
    }

    /// A copy of all fields of `connection`.
    static func copied(from connection: OpaquePointer) -> HeaderFields {
        var headers: [Header] = []
        withUnsafeMutablePointer(to: &headers) { headers in
            _ = MHD_get_connection_values_n(
                connection, .HEADER_KIND,
                { context, _, key, keyCount, value, count in
                    let headers = context!.assumingMemoryBound(to: [Header].self)
                    headers.pointee.append(Header(HeaderFields.text(key, keyCount), HeaderFields.text(value, count)))
                    return .YES
                }, headers)
        }
        return .saved(headers)
    }

    /// Trims trailing white space, which is not part of a field (RFC 9110, section 5.5) and which libmicrohttpd keeps.
    private static func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
        guard let start else { return "" }
        var count = count
        while count > 0, start[count - 1] == 32 || start[count - 1] == 9 { count -= 1 }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
