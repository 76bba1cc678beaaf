/// Base64 with the URL-safe alphabet and no padding (RFC 4648, section 5): fits a header, a URL and JSON as it is.
enum Base64URL {
    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        let count = (bytes.count * 8 + 5) / 6
        return String(unsafeUninitializedCapacity: count) { output in
            alphabet.withUnsafeBufferPointer { alphabet in
                var written = 0
                var held: UInt32 = 0
                var heldBits = 0
                for byte in bytes {
                    held = held << 8 | UInt32(byte)
                    heldBits += 8
                    while heldBits >= 6 {
                        heldBits -= 6
                        output[written] = alphabet[Int(held >> UInt32(heldBits)) & 63]
                        written += 1
                    }
                    held &= (1 << UInt32(heldBits)) - 1
                }
                if heldBits > 0 {
                    output[written] = alphabet[Int(held << UInt32(6 - heldBits)) & 63]
                    written += 1
                }
                return written
            }
        }
    }

    /// Nil for any other character, for padding, and for leftover bits that are not zero (so that one value has one text).
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3 / 4)
        var held: UInt32 = 0
        var heldBits = 0
        for character in text.utf8 {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = character - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = character - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character + 4
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
