/// Numbers and escaped text of the exposition formats.
extension [UInt8] {
    mutating func append(text: String) {
        append(contentsOf: text.utf8)
    }

    /// Decimal digits, without a String.
    mutating func append(decimal value: UInt64) {
        guard value >= 10 else {
            append(UInt8(truncatingIfNeeded: value) + 48)
            return
        }
        let start = count
        var rest = value
        while rest > 0 {
            append(UInt8(truncatingIfNeeded: rest % 10) + 48)
            rest /= 10
        }
        self[start...].reverse()
    }

    /// A sample value: the shortest digits that parse to the same number; whole numbers without a point; `NaN`, `+Inf`,
    /// `-Inf`.
    mutating func append(sample value: Double) {
        // Above 2^53 not every whole number is a Double, so the shortest form loses nothing.
        if value.magnitude < 9_007_199_254_740_992, value.rounded(.towardZero) == value {
            if value < 0 { append(UInt8(ascii: "-")) }
            append(decimal: UInt64(value.magnitude))
        } else if value.isNaN {
            append(text: "NaN")
        } else if value.isInfinite {
            append(text: value < 0 ? "-Inf" : "+Inf")
        } else {
            append(text: value.description)
        }
    }

    /// A label value, or HELP text in OpenMetrics: `\`, `"` and line feed are escaped.
    mutating func append(quoted text: some Sequence<UInt8>) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\\"): append(text: "\\\\")
            case UInt8(ascii: "\""): append(text: "\\\"")
            case UInt8(ascii: "\n"): append(text: "\\n")
            default: append(byte)
            }
        }
    }

    /// HELP text in the text format 0.0.4: only `\` and line feed are escaped.
    mutating func append(help text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append(text: "\\\\")
            case UInt8(ascii: "\n"): append(text: "\\n")
            default: append(byte)
            }
        }
    }
}
