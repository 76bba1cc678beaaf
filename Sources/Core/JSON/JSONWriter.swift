import ByteCoding

/// Writes one JSON value (RFC 8259) from front to back, without an intermediate tree.
///
/// The writer inserts commas. The caller must balance begin and end, and give every member a key.
///
/// ```swift
/// var json = JSONWriter()
/// json.beginObject()
/// json.member("key", key)
/// json.member("staleness_ms", 12)
/// json.endObject()
/// ```
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    public init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    /// Returns the bytes written and a line feed, for terminals.
    public consuming func line() -> [UInt8] {
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    // MARK: Structure

    public mutating func beginObject() { begin(UInt8(ascii: "{")) }
    public mutating func endObject() { end(UInt8(ascii: "}")) }
    public mutating func beginArray() { begin(UInt8(ascii: "[")) }
    public mutating func endArray() { end(UInt8(ascii: "]")) }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: Keys

    /// Writes a key without escaping it: `name` must be ASCII without quotes and backslashes.
    public mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a key that is built at run time, escaped if necessary.
    public mutating func dynamicKey(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a key that takes at most `maxBytes`; see ``string(_:maxBytes:)``.
    public mutating func key(_ name: String, maxBytes: Int) {
        string(name, maxBytes: maxBytes)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: Values

    public mutating func string(_ text: String) {
        separate()
        var text = text
        text.withUTF8 { appendQuoted($0) }
    }

    /// Writes a string. `utf8` must be valid UTF-8 (``isValidUTF8(_:)``).
    public mutating func string(utf8: [UInt8]) {
        separate()
        utf8.withUnsafeBufferPointer { appendQuoted($0) }
    }

    /// Writes a string that takes at most `maxBytes`. A longer text is cut between two characters and marked with an
    /// ellipsis. This is for logs: control characters that JSON allows (U+007F to U+009F) are escaped too, because
    /// terminals interpret them.
    public mutating func string(_ text: String, maxBytes: Int) {
        separate()
        let end = bytes.count + maxBytes - 12
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            guard bytes.count <= end else {
                bytes.append(contentsOf: "…".utf8)
                break
            }
            switch scalar {
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\"", "\\": appendEscaped(UInt8(scalar.value))
            default: bytes.append(contentsOf: scalar.utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes a string with the base64 of `data` (RFC 4648, section 4, padded).
    public mutating func base64(_ data: [UInt8]) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        Base64.encode(data, onto: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Writes a string if `bytes` are valid UTF-8, otherwise an object with their base64.
    public mutating func text(orBase64 bytes: [UInt8]) {
        guard !isValidUTF8(bytes) else { return string(utf8: bytes) }
        beginObject()
        key("base64")
        base64(bytes)
        endObject()
    }

    /// Writes an array of values, each as ``text(orBase64:)`` does. A nil stands for a delete and is written as null.
    public mutating func values(_ values: [[UInt8]?]) {
        beginArray()
        for value in values {
            if let value { text(orBase64: value) } else { null() }
        }
        endArray()
    }

    @inlinable
    public mutating func integer(_ number: some FixedWidthInteger) {
        integer(isNegative: number < 0, magnitude: UInt64(number.magnitude))
    }

    @usableFromInline
    mutating func integer(isNegative: Bool, magnitude: UInt64) {
        separate()
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        bytes.append(decimal: magnitude)
    }

    /// Writes `number` / 1,000 with up to three decimals: 1_234 is written as 1.234.
    public mutating func thousandths(_ number: Int64) {
        let (whole, rest) = number.magnitude.quotientAndRemainder(dividingBy: 1_000)
        integer(isNegative: number < 0, magnitude: whole)
        guard rest > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        var digits = rest
        var divisor: UInt64 = 100
        while digits > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(digits / divisor))
            digits %= divisor
            divisor /= 10
        }
    }

    public mutating func bool(_ flag: Bool) {
        separate()
        bytes.append(contentsOf: flag ? "true".utf8 : "false".utf8)
    }

    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    // MARK: Members, null for nil

    public mutating func member(_ name: StaticString, _ text: String?) {
        key(name)
        if let text { string(text) } else { null() }
    }

    @inlinable
    public mutating func member(_ name: StaticString, _ number: (some FixedWidthInteger)?) {
        key(name)
        if let number { integer(number) } else { null() }
    }

    public mutating func member(_ name: StaticString, _ flag: Bool?) {
        key(name)
        if let flag { bool(flag) } else { null() }
    }

    // MARK: Characters

    /// Writes a string in quotes. Runs of characters that need no escape are copied in one step.
    private mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        var runStart = 0
        for index in 0..<text.count {
            let byte = text[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            bytes.append(contentsOf: text[runStart..<index])
            appendEscaped(byte)
            runStart = index + 1
        }
        bytes.append(contentsOf: text[runStart...])
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        default:
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(hexadecimal: byte)
        }
    }
}

/// True for well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, surrogates or truncated sequences.
public func isValidUTF8(_ bytes: [UInt8]) -> Bool {
    do {
        _ = try UTF8Span(validating: bytes.span)
        return true
    } catch {
        return false
    }
}
