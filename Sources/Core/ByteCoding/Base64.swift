/// Base64 with padding (RFC 4648, section 4).
public enum Base64 {
    /// Appends the encoding of `data` to `output`.
    public static func encode(_ data: Bytes, onto output: inout Bytes) {
        output.reserveCapacity(output.count + (data.count + 2) / 3 * 4)
        encodeUnpadded(data, lettersOf: standardAlphabet) { output.append($0) }
        for _ in 0..<((3 - data.count % 3) % 3) { output.append(UInt8(ascii: "=")) }
    }
}

/// Base64 with the URL-safe alphabet and no padding (RFC 4648, section 5). The text needs no escaping in a header, a
/// URL or JSON.
public enum Base64URL {
    public static func encode(_ data: Bytes) -> String {
        String(unsafeUninitializedCapacity: (data.count * 8 + 5) / 6) { output in
            var count = 0
            encodeUnpadded(data, lettersOf: urlSafeAlphabet) { letter in
                output[count] = letter
                count += 1
            }
            return count
        }
    }

    /// Decodes `text`. Nil for a character outside the alphabet, for padding, for a length that no encoding has, and
    /// for leftover bits that are not zero. So each value has exactly one encoding.
    public static func decode(_ text: String) -> Bytes? {
        var bytes = Bytes()
        bytes.reserveCapacity(text.utf8.count * 3 / 4)
        var held: UInt32 = 0
        var heldBits = 0
        for character in text.utf8 {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = character - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = character - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0") + 52
            case UInt8(ascii: "-"): digit = 62
            case UInt8(ascii: "_"): digit = 63
            default: return nil
            }
            held = held << 6 | UInt32(digit)
            heldBits += 6
            if heldBits >= 8 {
                heldBits -= 8
                bytes.append(UInt8(truncatingIfNeeded: held >> UInt32(heldBits)))
                held &= (1 << UInt32(heldBits)) - 1
            }
        }
        guard heldBits < 6, held == 0 else { return nil }
        return bytes
    }
}

private let standardAlphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
private let urlSafeAlphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/// Encodes every three bytes as four letters, and passes each letter to `emit`.
@inline(__always)
private func encodeUnpadded(_ data: Bytes, lettersOf alphabet: StaticString, emit: (UInt8) -> Void) {
    let letters = alphabet.utf8Start
    var index = 0
    while index + 2 < data.count {
        let bits = UInt32(data[index]) << 16 | UInt32(data[index + 1]) << 8 | UInt32(data[index + 2])
        emit(letters[Int(bits >> 18)])
        emit(letters[Int(bits >> 12 & 63)])
        emit(letters[Int(bits >> 6 & 63)])
        emit(letters[Int(bits & 63)])
        index += 3
    }
    let left = data.count - index
    guard left > 0 else { return }
    let bits = UInt32(data[index]) << 16 | (left == 2 ? UInt32(data[index + 1]) << 8 : 0)
    emit(letters[Int(bits >> 18)])
    emit(letters[Int(bits >> 12 & 63)])
    if left == 2 { emit(letters[Int(bits >> 6 & 63)]) }
}
