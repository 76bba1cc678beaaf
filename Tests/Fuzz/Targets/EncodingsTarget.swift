import ByteCoding

/// Encodings of bytes as text: what is decoded was encoded, and canonical encodings have one text for each value.
struct EncodingsTarget: FuzzTarget {
    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        let bytes = input.remainder()
        let encoded = Base64URL.encode(bytes)
        try require(Base64URL.decode(encoded) == bytes, "base64url of \(quoted(bytes)) is not decoded")
        let text = String(decoding: bytes, as: UTF8.self)
        if let decoded = Base64URL.decode(text) {
            try require(Base64URL.encode(decoded) == text, "\(text.debugDescription) is a second base64url text")
        }
        var padded: [UInt8] = []
        Base64.encode(bytes, onto: &padded)
        let plain = String(decoding: padded, as: UTF8.self).replacing("+", with: "-").replacing("/", with: "_")
        try require(plain.replacing("=", with: "") == encoded, "base64 of \(quoted(bytes)) differs from base64url")
        try require(padded.count.isMultiple(of: 4), "base64 of \(quoted(bytes)) has no padding")

        let percent = PercentEncoding.encode(bytes)
        for isForm in [false, true] {
            try require(
                PercentEncoding.decode(Array(percent.utf8)[...], isForm: isForm) == bytes,
                "percent-encoded \(quoted(bytes)) is not decoded")
            try require(
                PercentEncoding.decode(bytes[...], isForm: isForm) == PercentReference.decode(bytes, isForm: isForm),
                "\(quoted(bytes)) is decoded differently")
        }
        if let number = UInt64(hexadecimal: bytes) {
            try require(Bytes(hexadecimal: number) == bytes, "\(quoted(bytes)) is a second text of \(number)")
        }
        try require(hexadecimalText(bytes).utf8.count == 2 * bytes.count, "hexadecimal digits of \(quoted(bytes))")
    }
}
