/// The grammar of a `tracestate` field (W3C Trace Context level 2, section 3.3).
public enum TraceState {
    /// The longest field that is passed on, in bytes. Every participant must support this length (section 3.3.1.5).
    static let maxBytes = 512
    /// The most members of a list (section 3.3.1.1).
    static let maxMembers = 32
    private static let maxPartBytes = 256

    /// Whether the field is passed on: a list of at most ``maxMembers`` valid members with different keys, in at most
    /// ``maxBytes``. Empty members are allowed.
    public static func isValid(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count <= maxBytes else { return false }
        var keys: Set<ArraySlice<UInt8>> = []
        for part in bytes.split(separator: UInt8(ascii: ",")) {
            let member = trimmed(part)
            if member.isEmpty { continue }
            guard let equals = member.firstIndex(of: UInt8(ascii: "=")), isKey(member[..<equals]),
                isValue(member[(equals + 1)...]), keys.insert(member[..<equals]).inserted
            else { return false }
        }
        return !keys.isEmpty && keys.count <= maxMembers
    }

    /// Blanks before and after a member are no part of it.
    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text.drop(while: MessageGrammar.isBlank)
        while let last = text.last, MessageGrammar.isBlank(last) { text.removeLast() }
        return text
    }

    private static func isKey(_ key: ArraySlice<UInt8>) -> Bool {
        guard let first = key.first, isLowerOrDigit(first), key.count <= maxPartBytes else { return false }
        return key.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "@"): true
            default: isLowerOrDigit(byte)
            }
        }
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        MessageGrammar.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    /// 1 to 256 printable ASCII characters other than `,` and `=`. The last one is not a space, because the member was
    /// trimmed.
    private static func isValue(_ value: ArraySlice<UInt8>) -> Bool {
        !value.isEmpty && value.count <= maxPartBytes
            && value.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
    }
}
