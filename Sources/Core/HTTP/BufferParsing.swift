import Glibc

extension UnsafeRawBufferPointer {
    /// The same bytes, with indices from 0.
    func part(_ range: some RangeExpression<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    func firstOffset(of byte: UInt8) -> Int? {
        guard let baseAddress, let found = memchr(baseAddress, Int32(byte), count) else { return nil }
        return UnsafeRawPointer(found) - baseAddress
    }

    /// Whether a byte is a control character other than the tab.
    var hasControlCharacter: Bool {
        // There is no early exit, so that the compiler can use vector instructions.
        var found: UInt8 = 0
        for byte in self { found |= (byte < 0x20 ? 1 : 0) & (byte == 0x09 ? 0 : 1) | (byte == 0x7F ? 1 : 0) }
        return found != 0
    }

    func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && (count == 0 || memcmp(baseAddress!, text.utf8Start, count) == 0)
    }

    /// Compares without regard to the case of ASCII letters.
    func equalsIgnoringCase(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount
            && (count == 0
                || strncasecmp(
                    baseAddress!.assumingMemoryBound(to: CChar.self),
                    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self), count) == 0)
    }
}

extension [UInt8] {
    mutating func append(text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
