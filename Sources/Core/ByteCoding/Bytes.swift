/// Bytes as they are stored and sent: keys, values and script arguments are binary-safe.
public typealias Bytes = [UInt8]

// MARK: Decimal
// Inlinable, because the engines parse every reply and build every command with these functions.

extension Bytes {
    /// `value` in decimal ASCII digits.
    @inlinable
    public init(decimal value: UInt64) {
        self.init(unsafeUninitializedCapacity: 20) { buffer, count in
            var rest = value
            repeat {
                buffer[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                count += 1
                rest /= 10
            } while rest > 0
            buffer[..<count].reverse()
        }
    }

    /// Appends `value` in decimal ASCII digits.
    @inlinable
    public mutating func append(decimal value: UInt64) {
        let start = count
        var rest = value
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }
}

extension Int64 {
    /// A decimal integer in ASCII with an optional minus sign; nil for anything else or out of range.
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
