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

    /// All fields called `name`, joined by ", ".
    func value(_ name: String) -> String? {
        var joined: String?
        func join(_ value: String) { joined = joined.map { "\($0), \(value)" } ?? value }
        switch self {
        case .connection(let connection):
            Self.forEach(of: connection) { key, _, value, count in
                if strcasecmp(key, name) == 0 { join(Self.text(value, count)) }
            }
        case .saved(let headers):
            for header in headers where strcasecmp(header.name, name) == 0 { join(header.value) }
        }
        return joined
    }

    /// A copy of all fields of `connection`.
    static func copied(from connection: OpaquePointer) -> HeaderFields {
        var headers: [Header] = []
        forEach(of: connection) { key, keyCount, value, count in
            headers.append(Header(text(key, keyCount), text(value, count)))
        }
        return .saved(headers)
    }

    private typealias FieldVisitor = (UnsafePointer<CChar>, Int, UnsafePointer<CChar>?, Int) -> Void

    private static func forEach(of connection: OpaquePointer, visit: FieldVisitor) {
        withoutActuallyEscaping(visit) { visit in
            withUnsafePointer(to: visit) { visit in
                _ = MHD_get_connection_values_n(
                    connection, .HEADER_KIND,
                    { context, _, key, keyCount, value, count in
                        let visit = context!.assumingMemoryBound(to: FieldVisitor.self).pointee
                        if let key { visit(key, keyCount, value, count) }
                        return .YES
                    }, UnsafeMutableRawPointer(mutating: visit))
            }
        }
    }

    /// Trims trailing white space, which is not part of a field (RFC 9110, section 5.5) and which libmicrohttpd keeps.
    private static func text(_ start: UnsafePointer<CChar>?, _ count: Int) -> String {
        guard let start else { return "" }
        let field = UnsafeRawBufferPointer(start: start, count: count)
        let end = (field.lastIndex { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } ?? -1) + 1
        return String(decoding: field[..<end], as: UTF8.self)
    }
}
