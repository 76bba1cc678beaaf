extension UInt8 {
    /// The lower-case hexadecimal digit of the low four bits, in ASCII.
    @inlinable
    public var hexadecimalDigit: UInt8 {
        let digit = self & 15
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
    }
}

extension Bytes {
    /// `value` as exactly 16 lower-case hexadecimal digits.
    @inlinable
    public init(hexadecimal value: UInt64) {
        self.init(unsafeUninitializedCapacity: 16) { buffer, count in
            for place in 0..<16 {
                buffer[place] = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * place)).hexadecimalDigit
            }
            count = 16
        }
    }

    /// Appends `value` as exactly 16 lower-case hexadecimal digits.
    @inlinable
    public mutating func append(hexadecimal value: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            append(UInt8(truncatingIfNeeded: value >> UInt64(shift)).hexadecimalDigit)
        }
    }

    /// Appends `value` as exactly two lower-case hexadecimal digits.
    @inlinable
    public mutating func append(hexadecimal value: UInt8) {
        append((value >> 4).hexadecimalDigit)
        append(value.hexadecimalDigit)
    }
}

extension UInt64 {
    /// Exactly 16 lower-case hexadecimal digits; nil for anything else, so that a number has one spelling.
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
