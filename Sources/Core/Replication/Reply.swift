// Exported, because keys, values and replies are `Bytes`: every file that imports this module needs the type.
@_exported import ByteCoding

/// A reply of one replica, independent of the client library: the five types of RESP2, and null.
public enum Reply: Sendable, Equatable {
    case bulk(Bytes)
    case integer(Int64)
    case array([Reply])
    case status(String)
    case error(String)
    case null

    /// The bytes of a bulk or status reply, else nil.
    public var bytes: Bytes? {
        switch self {
        case .bulk(let bytes): bytes
        case .status(let text): Bytes(text.utf8)
        default: nil
        }
    }

    /// The error of an error reply, else nil.
    public var error: ServerError? {
        if case .error(let text) = self { ServerError(text) } else { nil }
    }

    /// The text of a bulk or status reply, decoded as UTF-8, else nil.
    public var text: String? {
        switch self {
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        default: nil
        }
    }

    /// The value of an integer reply, or of a bulk reply with a decimal integer, else nil.
    public var int64: Int64? {
        switch self {
        case .integer(let value): value
        case .bulk(let bytes): Int64(decimal: bytes)
        default: nil
        }
    }

    public var array: [Reply]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    public var isNull: Bool { self == .null }

    /// Element `index` of an array reply. Nil if there is none, so that an unexpected reply does not cause a crash.
    public subscript(index: Int) -> Reply? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}
