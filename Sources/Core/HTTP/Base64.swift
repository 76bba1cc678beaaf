/// Base64 with padding (RFC 4648, section 4).
public enum Base64 {
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// Appends the encoding of `data` to `output`.
    public static func encode(_ data: [UInt8], onto output: inout [UInt8]) {
        output.reserveCapacity(output.count + (data.count + 2) / 3 * 4)
        let letters = alphabet.utf8Start
        var index = 0
        while index + 2 < data.count {
            let bits = UInt32(data[index]) << 16 | UInt32(data[index + 1]) << 8 | UInt32(data[index + 2])
            output.append(letters[Int(bits >> 18)])
            output.append(letters[Int(bits >> 12 & 63)])
            output.append(letters[Int(bits >> 6 & 63)])
            output.append(letters[Int(bits & 63)])
            index += 3
        }
        let left = data.count - index
        guard left > 0 else { return }
        let bits = UInt32(data[index]) << 16 | (left == 2 ? UInt32(data[index + 1]) << 8 : 0)
        output.append(letters[Int(bits >> 18)])
        output.append(letters[Int(bits >> 12 & 63)])
        output.append(left == 2 ? letters[Int(bits >> 6 & 63)] : UInt8(ascii: "="))
        output.append(UInt8(ascii: "="))
    }
}
