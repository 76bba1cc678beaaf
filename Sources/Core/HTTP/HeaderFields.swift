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

/// The header fields of a request, as text that is searched on demand: unread fields cost nothing.
struct HeaderFields {
    /// Lines of `name:value`.
    private var lines: [UInt8] = []

    init() {}

    init(_ headers: [Header]) {
        for header in headers { append(header.name.utf8, header.value.utf8) }
    }

    mutating func append(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
        lines.append(contentsOf: name)
        lines.append(UInt8(ascii: ":"))
        lines.append(contentsOf: value)
        lines.append(UInt8(ascii: "\n"))
    }

    /// All fields called `name`, joined by ", ".
    func value(_ name: String) -> String? {
        var joined: String?
        let nameCount = name.utf8.count
        lines.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = UnsafeRawBufferPointer(rebasing: rest[..<end])
                rest = rest[(end + 1)...]
                guard line.count > nameCount, line[nameCount] == UInt8(ascii: ":"),
                    strncasecmp(line.baseAddress!.assumingMemoryBound(to: CChar.self), name, nameCount) == 0
                else { continue }
                let value = String(decoding: line[(nameCount + 1)...], as: UTF8.self)
                joined = joined.map { "\($0), \(value)" } ?? value
            }
        }
        return joined
    }
}
