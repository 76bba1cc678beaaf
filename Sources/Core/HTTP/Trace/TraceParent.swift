import ByteCoding

/// A `traceparent` field: the span of the caller and its trace (W3C Trace Context, section 3.2).
public struct TraceParent: Hashable, Sendable {
    public let traceID: TraceID
    /// The ID of the caller's span. Not zero.
    public let parentID: UInt64
    public let flags: TraceFlags

    /// The length of a field of version 00.
    static let byteCount = 55

    /// Nil for a field that must be ignored. A version after 00 may have further parts, and only its flag `sampled` is
    /// known (section 3.2.3, "Versioning of traceparent").
    /// - Parameter text: such as `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= Self.byteCount, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Self.byte(bytes[0..<2]), version != 0xFF,
            bytes.count == Self.byteCount || (version != 0 && bytes[Self.byteCount] == dash),
            let high = UInt64(hexadecimal: bytes[3..<19]), let low = UInt64(hexadecimal: bytes[19..<35]),
            let parentID = UInt64(hexadecimal: bytes[36..<52]), let flags = Self.byte(bytes[53..<55]),
            high | low != 0, parentID != 0
        else { return nil }
        traceID = TraceID(high: high, low: low)
        self.parentID = parentID
        self.flags = TraceFlags(rawValue: flags).intersection(version == 0 ? .known : .sampled)
    }

    /// Parses two lower-case hexadecimal digits.
    private static func byte(_ digits: ArraySlice<UInt8>) -> UInt8? {
        UInt64(hexadecimal: [UInt8](repeating: UInt8(ascii: "0"), count: 14) + digits).map(UInt8.init)
    }
}
