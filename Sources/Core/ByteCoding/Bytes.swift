/// Bytes as they are stored and sent: keys, values and script arguments are binary-safe.
public typealias Bytes = [UInt8]

// MARK: Decimal
// These functions are inlinable, because the engines parse every reply and build every command with them.

extension Bytes {
    /// `value` in decimal ASCII digits.
    @inlinable
    public init(decimal value: UInt64) {
        self.init()
        append(decimal: value)
    }

    /// Appends `value` in decimal ASCII digits.
    @inlinable
    public mutating func append(decimal value: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value
            var first = digits.count
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            append(contentsOf: digits[first...])
        }
    }
}

extension Int64 {
    /// Parses a decimal integer in ASCII with an optional minus sign. Nil for anything else, for more than 19 digits,
    /// or if the magnitude exceeds `Int64.max`.
    @inlinable
    public init?(decimal bytes: some Collection<UInt8>) {
        var digits = bytes[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits = digits.dropFirst() }
        guard !digits.isEmpty, digits.count <= 19 else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = shifted.addingReportingOverflow(Int64(digit &- UInt8(ascii: "0")))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        self = isNegative ? -value : value
    }
}

// MARK: Hexadecimal

extension Bytes {
    /// `value` as exactly 16 lower-case hexadecimal digits.
    @inlinable
    public init(hexadecimal value: UInt64) {
        self.init()
        reserveCapacity(16)
        append(hexadecimal: value)
    }

    /// Appends `value` with two lower-case hexadecimal digits per byte.
    @inlinable
    public mutating func append(hexadecimal value: some FixedWidthInteger & UnsignedInteger) {
        for shift in stride(from: value.bitWidth - 4, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> shift) & 15
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
        }
    }
}

extension UInt64 {
    /// Parses exactly 16 lower-case hexadecimal digits. Nil for anything else, so that each number has exactly one
    /// spelling.
    @inlinable
    public init?(hexadecimal digits: some Collection<UInt8>) {
        guard digits.count == 16 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        self = value
    }
}

// MARK: Hash

extension Collection<UInt8> {
    /// The 64-bit FNV-1a hash (Fowler, Noll, Vo; <http://www.isthe.com/chongo/tech/comp/fnv/>). It has the same value
    /// in every process. It is not a cryptographic hash.
    @inlinable
    public var fnv1a: UInt64 {
        reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}

/// Two lower-case hexadecimal digits for each byte.
public func hexadecimalText(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
}
