/// One header field.
public struct Header: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The header fields of a request, as text that is searched on demand: unread fields cost nothing.
struct HeaderFields {
    /// Lines of `name:value`.
    private var lines: [UInt8] = []

    /// Enough for the header fields of most requests.
    private static let usualBytes = 256

    init() {}

    init(_ headers: [Header]) {
        for header in headers { append(header.name.utf8, header.value.utf8) }
    }

    mutating func append(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
        if lines.isEmpty { lines.reserveCapacity(Self.usualBytes) }
        lines.append(contentsOf: name)
        lines.append(UInt8(ascii: ":"))
        lines.append(contentsOf: value)
        lines.append(UInt8(ascii: "\n"))
    }

    /// All fields called `name`, joined by ", ".
    func value(_ name: StaticString) -> String? {
        lines.withUnsafeBytes { bytes in
            var joined: String?
            var rest = bytes
            while let end = rest.firstOffset(of: UInt8(ascii: "\n")) {
                if let value = Self.value(of: rest.part(..<end), if: name) {
                    joined = joined.map { "\($0), \(value)" } ?? value
                }
                rest = rest.part((end + 1)...)
            }
            return joined
        }
    }

    private static func value(of line: UnsafeRawBufferPointer, if name: StaticString) -> String? {
        let count = name.utf8CodeUnitCount
        guard line.count > count, line[count] == UInt8(ascii: ":"), line.part(..<count).equalsIgnoringCase(name) else {
            return nil
        }
        return String(decoding: line.part((count + 1)...), as: UTF8.self)
    }
}
