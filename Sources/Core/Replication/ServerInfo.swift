import Glibc

/// The lines of a reply to Redis' `INFO`. They are searched on demand, because a reply has hundreds of lines, of which
/// few are read.
public struct ServerInfo: Sendable {
    private let lines: Bytes

    public init(_ lines: Bytes) { self.lines = lines }

    /// Nil for a reply that has no text.
    public init?(_ reply: Reply?) {
        guard let bytes = reply?.bytes else { return nil }
        lines = bytes
    }

    /// The value of the first line `name:value`; nil if there is none.
    public subscript(name: StaticString) -> String? {
        lines.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
                let end = memchr(rest.baseAddress!, 0x0A, rest.count).map { UnsafeRawPointer($0) - rest.baseAddress! }
                if let value = Self.value(of: rest.prefix(end ?? rest.count), if: name) { return value }
                start += (end ?? rest.count) + 1
            }
            return nil
        }
    }

    private static func value(of line: Slice<UnsafeRawBufferPointer>, if name: StaticString) -> String? {
        let count = name.utf8CodeUnitCount
        guard line.count > count, line[count] == UInt8(ascii: ":"),
            memcmp(line.base.baseAddress!, name.utf8Start, count) == 0
        else { return nil }
        let value = line.dropFirst(count + 1)
        return String(decoding: value.last == 0x0D ? value.dropLast() : value, as: UTF8.self)
    }
}
