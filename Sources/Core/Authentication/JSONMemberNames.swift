import FoundationEssentials

/// Finds repeated member names in a JSON object.
///
/// Parsers disagree on which of two members with the same name counts, so two services could see two subjects in one
/// token. RFC 7515 (section 4) and RFC 7519 (section 4) let a recipient reject such a token.
enum JSONMemberNames {
    /// Whether no two members of the outermost object have the same name. Members of nested values are not checked.
    ///
    /// - Parameter object: a text. It may be invalid JSON, which the caller's parser rejects.
    static func areUnique(inObject object: [UInt8]) -> Bool {
        var names: Set<String> = []
        var depth = 0
        var index = 0
        while index < object.count {
            switch object[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "\""):
                let end = endOfText(in: object, from: index)
                if depth == 1, isFollowedByColon(object, end) {
                    // Decode the name, because an escaped letter equals the letter itself.
                    let text = Data(object[index..<end])
                    guard let name = try? JSONDecoder().decode(String.self, from: text) else { return false }
                    guard names.insert(name).inserted else { return false }
                }
                index = end - 1
            default: break
            }
            index += 1
        }
        return true
    }

    /// The index after the closing quotation mark of the text that begins at `start`.
    private static func endOfText(in object: [UInt8], from start: Int) -> Int {
        var index = start + 1
        while index < object.count, object[index] != UInt8(ascii: "\"") {
            index += object[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index + 1, object.count)
    }

    private static func isFollowedByColon(_ object: [UInt8], _ index: Int) -> Bool {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        return object[index...].first { !isSpace($0) } == UInt8(ascii: ":")
    }
}
