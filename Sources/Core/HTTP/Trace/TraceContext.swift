import ByteCoding

/// The ID of a trace: 16 bytes, not all zero (W3C Trace Context, section 3.2.2.3).
public struct TraceID: Hashable, Sendable, CustomStringConvertible {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// 32 lower-case hexadecimal digits.
    public var description: String {
        var digits = Bytes(hexadecimal: high)
        digits.append(hexadecimal: low)
        return String(decoding: digits, as: UTF8.self)
    }
}

/// The span of the service for one request: its trace, its own ID, and whether the trace is sampled (W3C Trace Context,
/// levels 1 and 2).
public struct TraceContext: Hashable, Sendable {
    public let traceID: TraceID
    /// Not zero, and different for each request.
    public let spanID: UInt64
    public let flags: TraceFlags

    public init(traceID: TraceID, spanID: UInt64, flags: TraceFlags) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
    }

    /// 16 lower-case hexadecimal digits.
    public var spanIDText: String { String(decoding: Bytes(hexadecimal: spanID), as: UTF8.self) }

    /// The value of a `traceparent` field of version 00.
    public var traceParent: String {
        String(unsafeUninitializedCapacity: TraceParent.byteCount) {
            write(to: UnsafeMutableRawBufferPointer($0))
            return TraceParent.byteCount
        }
    }

    /// Writes the value of a `traceparent` field, of ``TraceParent/byteCount`` bytes. Each response has the field, so
    /// nothing is allocated.
    func write(to buffer: UnsafeMutableRawBufferPointer) {
        precondition(buffer.count >= TraceParent.byteCount)
        let dash = UInt8(ascii: "-")
        Self.write(UInt8(0), to: buffer, at: 0)
        buffer[2] = dash
        Self.write(traceID.high, to: buffer, at: 3)
        Self.write(traceID.low, to: buffer, at: 19)
        buffer[35] = dash
        Self.write(spanID, to: buffer, at: 36)
        buffer[52] = dash
        Self.write(flags.rawValue, to: buffer, at: 53)
    }

    private static func write(_ byte: UInt8, to buffer: UnsafeMutableRawBufferPointer, at start: Int) {
        let digits = UInt16(truncatingIfNeeded: digits(of: UInt32(byte)) >> 48)
        buffer.storeBytes(of: digits.littleEndian, toByteOffset: start, as: UInt16.self)
    }

    private static func write(_ number: UInt64, to buffer: UnsafeMutableRawBufferPointer, at start: Int) {
        let halves = (digits(of: UInt32(number >> 32)), digits(of: UInt32(truncatingIfNeeded: number)))
        buffer.storeBytes(of: halves.0.littleEndian, toByteOffset: start, as: UInt64.self)
        buffer.storeBytes(of: halves.1.littleEndian, toByteOffset: start + 8, as: UInt64.self)
    }

    /// The eight hexadecimal digits of a number, the first one in the lowest byte. All digits are computed at once, in
    /// the bytes of a word, because every response needs 50 of them.
    private static func digits(of number: UInt32) -> UInt64 {
        var nibbles = UInt64(number)
        nibbles = (nibbles << 16 | nibbles) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles << 8 | nibbles) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles << 4 | nibbles) & 0x0F0F_0F0F_0F0F_0F0F
        // 1 in the bytes of the digits a to f, which are 39 above those that would follow 9.
        let letters = ((nibbles &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return (nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 39).byteSwapped
    }
}

/// The flags of a `traceparent` field.
public struct TraceFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The caller may have recorded its span (level 1, section 3.2.2.5.1).
    public static let sampled = TraceFlags(rawValue: 1)
    /// The last 7 bytes of the trace's ID are random (level 2, section 3.2.2.5.2).
    public static let random = TraceFlags(rawValue: 2)
    /// All flags of version 00. Others are not passed on.
    static let known: TraceFlags = [.sampled, .random]
}
