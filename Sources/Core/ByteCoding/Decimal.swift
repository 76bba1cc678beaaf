// Inlinable throughout: the engines parse every reply and build every command with these.

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
